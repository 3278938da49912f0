/*
 * limited PRIORITY PROGRAM...: becomes the program as a user without privileges, whose threads may have a real-time priority of at
 * most PRIORITY (RLIMIT_RTPRIO). Raising that limit takes CAP_SYS_RESOURCE, which the lab's root has.
 */
#define _GNU_SOURCE
#include <grp.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

#define USER 1000

int main(int argc, char **argv)
{
    if (argc < 3) {
        fprintf(stderr, "usage: limited PRIORITY PROGRAM...\n");
        return 2;
    }

    rlim_t most = strtoul(argv[1], NULL, 10);
    struct rlimit limit = { most, most };
    if (setrlimit(RLIMIT_RTPRIO, &limit) < 0 || setgroups(0, NULL) < 0 || setresgid(USER, USER, USER) < 0 || setresuid(USER, USER, USER) < 0) {
        perror("limited");
        return 1;
    }

    execv(argv[2], argv + 2);
    perror(argv[2]);
    return 1;
}

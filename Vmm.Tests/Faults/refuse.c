/*
 * refuse REQUEST PROGRAM [ARGUMENT...]: runs a program to whom the kernel refuses one ioctl request, with EINVAL. A fault
 * of KVM's as the fault tests need it, without a change in the program.
 * Source: the kernel's userspace-api/seccomp_filter.
 */
#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#define LOAD(field) BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, field))
#define UNLESS(value, skip) BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (value), 0, (skip))
#define ANSWER(action) BPF_STMT(BPF_RET | BPF_K, (action))

int main(int count, char **words)
{
    if (count < 3) {
        fprintf(stderr, "usage: refuse REQUEST PROGRAM [ARGUMENT...]\n");
        return 2;
    }
    struct sock_filter rules[] = {
        LOAD(nr),
        UNLESS(SYS_ioctl, 3),
        LOAD(args[1]),
        UNLESS(strtoul(words[1], NULL, 0), 1),
        ANSWER(SECCOMP_RET_ERRNO | EINVAL),
        ANSWER(SECCOMP_RET_ALLOW),
    };
    struct sock_fprog filter = { sizeof rules / sizeof *rules, rules };
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) || prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter)) {
        perror("seccomp");
        return 1;
    }
    execvp(words[2], words + 2);
    perror(words[2]);
    return 1;
}

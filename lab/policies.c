/*
 * policies PID...: looks at the real-time priorities of processes' threads, again and again, until its input ends. Then it says a line for each
 * process: the greatest that a thread of it had meanwhile, and the greatest at the end; 0 is an ordinary thread.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <poll.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define PROCESSES 8
#define REST_MS 5000                    /* how long a thread may take to become an ordinary one again */

static int greatest(const char *pid)
{
    char path[64];
    int most = 0;

    snprintf(path, sizeof path, "/proc/%s/task", pid);
    DIR *tasks = opendir(path);
    if (!tasks) {
        return 0;
    }

    for (struct dirent *task; (task = readdir(tasks));) {
        struct sched_param param;
        if (task->d_name[0] != '.' && sched_getparam(atoi(task->d_name), &param) == 0 && param.sched_priority > most) {
            most = param.sched_priority;
        }
    }

    closedir(tasks);
    return most;
}

static int at_rest(const char *pid)
{
    int now = greatest(pid);

    for (int ms = 0; now > 0 && ms < REST_MS; ms += 10, now = greatest(pid)) {
        usleep(10000);
    }

    return now;
}

int main(int argc, char **argv)
{
    int most[PROCESSES] = { 0 };
    struct pollfd input = { .fd = 0, .events = POLLIN };
    struct sched_param above = { .sched_priority = 10 };

    if (argc < 2 || argc > PROCESSES + 1 || sched_setscheduler(0, SCHED_FIFO, &above) < 0) {
        perror("policies");
        return 1;
    }

    puts("looks");
    fflush(stdout);
    do {
        for (int i = 1; i < argc; i++) {
            int now = greatest(argv[i]);
            most[i - 1] = now > most[i - 1] ? now : most[i - 1];
        }

        usleep(200);
    } while (poll(&input, 1, 0) == 0);

    for (int i = 1; i < argc; i++) {
        printf("%d %d\n", most[i - 1], at_rest(argv[i]));
    }

    return 0;
}

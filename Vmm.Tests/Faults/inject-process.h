/*
 * Which of the traced processes a thread belongs to, and which program that process runs: number 0 is the one that the injector was started as,
 * 1 the first that this has started, and so on; and each counts how often it has executed the program that is watched. A wrapper (a shell) is a
 * program that nobody's calls are counted of. What a process does from its start to its first exec (posix_spawn) is its parent's doing.
 */
#ifndef INJECT_PROCESS_H
#define INJECT_PROCESS_H

#include <signal.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <unistd.h>

#define ALL -1
#define MOST_PROCESSES 64
#define MOST_THREADS (1 << 22) /* the largest pid_max of the kernel */

struct process {
    pid_t id;          /* 0 when it has ended */
    int child;         /* its number */
    int generation;    /* how often it has executed the program */
    int has_executed;  /* anything, since it was started */
    int is_foreign;    /* what it executes is something else */
};

static struct process processes[MOST_PROCESSES];
static int process_count;
static unsigned char process_numbers[MOST_THREADS]; /* of a thread: its process's place, and one */
static struct stat program_file;

static void remember_program(pid_t process, const char *path)
{
    processes[process_count++].id = process;
    if (stat(path, &program_file))
        program_file.st_ino = 0;
}

/* The process of a thread; one that is not known yet has just begun. When there is no more room for another, the last one's place is shared. */
static struct process *process_of(pid_t thread)
{
    char path[64];
    if (process_numbers[thread])
        return &processes[process_numbers[thread] - 1];
    int place = 0;
    for (; place < process_count; place++) {
        snprintf(path, sizeof path, "/proc/%d/task/%d", processes[place].id, thread);
        if (processes[place].id && !access(path, F_OK))
            break;
    }
    if (place == process_count && process_count < MOST_PROCESSES) {
        processes[place].id = thread;
        processes[place].child = process_count++;
    } else if (place == process_count) {
        place--;
    }
    process_numbers[thread] = place + 1;
    return &processes[place];
}

/* A process executes something. Returns whether that is the program. */
static int becomes(struct process *process)
{
    char path[64];
    struct stat file;
    snprintf(path, sizeof path, "/proc/%d/exe", process->id);
    process->has_executed = 1;
    process->is_foreign = stat(path, &file) || file.st_ino != program_file.st_ino || file.st_dev != program_file.st_dev;
    process->generation += !process->is_foreign;
    return !process->is_foreign;
}

/* A thread has ended. Returns whether it was the last of its process. */
static int end_of(pid_t thread)
{
    int place = process_numbers[thread] - 1;
    process_numbers[thread] = 0;
    if (place < 0 || processes[place].id != thread)
        return 0;
    processes[place].id = 0;
    return 1;
}

static int is_of(const struct process *process, int child, int generation)
{
    if (child == ALL)
        return 1;
    const struct process *doer = process->has_executed || process == processes ? process : processes;
    return doer->child == child && doer->generation == generation && !doer->is_foreign;
}

static void end_all(void)
{
    for (int place = 0; place < process_count; place++)
        if (processes[place].id)
            kill(processes[place].id, SIGKILL);
}

#endif

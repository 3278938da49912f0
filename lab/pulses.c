/*
 * What printing costs the processors of a guest:
 *     pulses COUNT         writes COUNT lines of 64 bytes to the serial console, each "out" and its number
 * Meanwhile a thread on each processor, of real-time priority, wakes every 100 ms. When all is sent, it prints
 *     cpu N pulses COUNT missed COUNT running COUNT    for each: pulses, those of them that did not come, the most of these in a row
 *     sent BYTES interrupts COUNT                      of the console's serial port, as the kernel counts them
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

#define MOST_CPUS 64
#define PULSE 100000000LL
#define LINE 64

struct cpu {
    pthread_t thread;
    int number;
    long pulses, missed, running;
};

static atomic_int over;

static void fail(const char *what)
{
    perror(what);
    exit(1);
}

static void *pulse(void *argument)
{
    struct cpu *cpu = argument;
    struct timespec next, now;
    cpu_set_t here;

    CPU_ZERO(&here);
    CPU_SET(cpu->number, &here);
    if (sched_setaffinity(0, sizeof here, &here) < 0) {
        fail("pulses: sched_setaffinity");
    }
    clock_gettime(CLOCK_MONOTONIC, &next);
    while (!over) {
        int64_t due = next.tv_sec * 1000000000LL + next.tv_nsec + PULSE;

        next.tv_sec = due / 1000000000, next.tv_nsec = due % 1000000000;
        clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &next, NULL);
        clock_gettime(CLOCK_MONOTONIC, &now);
        int64_t late = now.tv_sec * 1000000000LL + now.tv_nsec - due;
        long missed = late / PULSE;
        cpu->pulses += 1 + missed;
        cpu->missed += missed;
        cpu->running = missed > cpu->running ? missed : cpu->running;
        due += missed * PULSE;
        next.tv_sec = due / 1000000000, next.tv_nsec = due % 1000000000;
    }
    return NULL;
}

/* The number behind NAME in the first line of PATH that holds MARK. */
static long counted(const char *path, const char *mark, const char *name)
{
    char line[4096];
    FILE *file = fopen(path, "r");

    if (file == NULL) {
        fail(path);
    }
    while (fgets(line, sizeof line, file) != NULL) {
        char *at = strstr(line, mark) != NULL ? strstr(line, name) : NULL;

        if (at != NULL) {
            fclose(file);
            return strtol(at + strlen(name), NULL, 10);
        }
    }
    fprintf(stderr, "pulses: no %s in %s\n", name, path);
    exit(1);
}

/* Interrupts of the line of the serial port, over all processors. */
static long interrupts(int cpus)
{
    char line[4096];
    FILE *file = fopen("/proc/interrupts", "r");
    long sum = 0;

    if (file == NULL) {
        fail("/proc/interrupts");
    }
    while (fgets(line, sizeof line, file) != NULL) {
        if (strstr(line, "ttyS0") != NULL) {
            char *at = strchr(line, ':') + 1;

            for (int i = 0; i < cpus; i++) {
                sum += strtol(at, &at, 10);
            }
        }
    }
    fclose(file);
    return sum;
}

static void print(int console, long lines)
{
    for (long n = 0; n < lines; n++) {
        char line[LINE];
        int head = snprintf(line, sizeof line, "out %ld ", n);

        memset(line + head, '.', LINE - head);
        line[LINE - 1] = '\n';
        if (write(console, line, LINE) != LINE) {
            fail("pulses: write");
        }
    }
    if (tcdrain(console) < 0) {
        fail("pulses: tcdrain");
    }
}

int main(int argc, char **argv)
{
    static struct cpu cpu[MOST_CPUS];
    const struct sched_param first = { .sched_priority = 1 };
    pthread_attr_t real_time;
    int count = sysconf(_SC_NPROCESSORS_ONLN), console = open("/dev/ttyS0", O_WRONLY | O_NOCTTY);

    if (argc != 2 || count < 1 || count > MOST_CPUS || console < 0) {
        fprintf(stderr, "usage: pulses COUNT, where there is a /dev/ttyS0\n");
        return 2;
    }
    pthread_attr_init(&real_time);
    pthread_attr_setinheritsched(&real_time, PTHREAD_EXPLICIT_SCHED);
    pthread_attr_setschedpolicy(&real_time, SCHED_FIFO);
    pthread_attr_setschedparam(&real_time, &first);
    for (int i = 0; i < count; i++) {
        cpu[i].number = i;
        if (pthread_create(&cpu[i].thread, &real_time, pulse, &cpu[i]) != 0) {
            fail("pulses: pthread_create");
        }
    }

    long sent = counted("/proc/tty/driver/serial", "0:", "tx:"), taken = interrupts(count);
    print(console, atol(argv[1]));
    sent = counted("/proc/tty/driver/serial", "0:", "tx:") - sent, taken = interrupts(count) - taken;

    over = 1;
    for (int i = 0; i < count; i++) {
        pthread_join(cpu[i].thread, NULL);
        printf("cpu %d pulses %ld missed %ld running %ld\n", i, cpu[i].pulses, cpu[i].missed, cpu[i].running);
    }
    printf("sent %ld interrupts %ld\n", sent, taken);
    return 0;
}

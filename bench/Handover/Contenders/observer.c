/* Watches a guest from outside: samples the 64-bit counter that it increments in its shared RAM, every 20 microseconds at real-time
 * priority. What it sees is what the guest lived through, whatever the two processes say of it.
 *
 * observer FILE OFFSET: says `watching`, then waits for lines on stdin. The first marks the beginning of what may disturb the
 * guest, the second its end, the third that enough was seen; then it prints, in nanoseconds: the longest time between the marks in
 * which the counter stood still, when that began on CLOCK_MONOTONIC, the longest time between two of its own samples there; and the
 * counter's rate per second in the 200 ms before the first mark and in the 100 ms after the gap. Allocates nothing while it watches. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <time.h>
#include <unistd.h>

#define PERIOD 20000L
#define MILLISECOND 1000000L
#define HISTORY 65536

static volatile unsigned long *counter;
static _Atomic long mark, end;
static atomic_int over;
static long gap, gap_began, own_gap;
static struct {
    long at;
    unsigned long count;
} history[HISTORY]; /* one a millisecond, for the rates */
static unsigned long remembered;

static void fail(const char *what)
{
    perror(what);
    exit(1);
}

static long now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * 1000000000L + t.tv_nsec;
}

static void *watch(void *unused)
{
    (void)unused;
    long previous = now(), changed = previous, due = previous, blind = 0;
    unsigned long seen = *counter;
    while (!atomic_load(&over)) {
        due += PERIOD;
        struct timespec t = {due / 1000000000L, due % 1000000000L};
        clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &t, NULL);
        unsigned long count = *counter;
        long at = now();
        if (at > due + PERIOD)
            due = at; /* late: no burst to catch up */
        blind = at - previous > blind ? at - previous : blind;
        if (count != seen) {
            long from = atomic_load(&mark), to = atomic_load(&end);
            if (from && at > from && (!to || changed < to) && at - changed > gap) {
                gap = at - changed;
                gap_began = changed;
                own_gap = blind;
            }
            seen = count;
            changed = at;
            blind = 0;
        }
        previous = at;
        if (remembered == 0 || at - history[(remembered - 1) % HISTORY].at >= MILLISECOND) {
            history[remembered % HISTORY].at = at;
            history[remembered % HISTORY].count = count;
            remembered++;
        }
    }
    return NULL;
}

/* The counter's rate per second between two instants, or 0 where nothing was seen. */
static double rate(long from, long to)
{
    long first = -1, final = -1;
    unsigned long begin = remembered > HISTORY ? remembered - HISTORY : 0;
    for (unsigned long i = begin; i < remembered; i++) {
        long at = history[i % HISTORY].at;
        if (at >= from && at <= to) {
            first = first < 0 ? (long)i : first;
            final = (long)i;
        }
    }
    if (first < 0 || final == first)
        return 0;
    long time = history[final % HISTORY].at - history[first % HISTORY].at;
    return (history[final % HISTORY].count - history[first % HISTORY].count) * 1e9 / time;
}

static void line(void)
{
    for (int c; (c = getchar()) != '\n';)
        if (c == EOF)
            exit(0);
}

int main(int argc, char **argv)
{
    if (argc != 3)
        return fprintf(stderr, "observer FILE OFFSET\n"), 2;
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    int fd = open(argv[1], O_RDONLY | O_CLOEXEC);
    unsigned long offset = strtoul(argv[2], NULL, 0);
    char *page = fd < 0 ? MAP_FAILED : mmap(0, 4096, PROT_READ, MAP_SHARED, fd, offset & ~4095UL);
    if (page == MAP_FAILED)
        fail(argv[1]);
    counter = (unsigned long *)(page + (offset & 4095));
    memset(history, 1, sizeof history);
    if (mlockall(MCL_CURRENT | MCL_FUTURE) < 0)
        fail("mlockall");
    pthread_attr_t real_time;
    pthread_attr_init(&real_time);
    pthread_attr_setinheritsched(&real_time, PTHREAD_EXPLICIT_SCHED);
    pthread_attr_setschedpolicy(&real_time, SCHED_FIFO);
    pthread_attr_setschedparam(&real_time, &(struct sched_param){.sched_priority = 50});
    pthread_t sampler;
    if (pthread_create(&sampler, &real_time, watch, NULL) != 0)
        fail("a thread at real-time priority");
    puts("watching");
    fflush(stdout);
    line();
    atomic_store(&mark, now());
    line();
    atomic_store(&end, now());
    line();
    atomic_store(&over, 1);
    pthread_join(sampler, NULL);
    long after = gap_began + gap;
    printf("%ld %ld %ld %.0f %.0f\n", gap, gap_began, own_gap, rate(mark - 200 * MILLISECOND, mark), rate(after, after + 100 * MILLISECOND));
    return 0;
}

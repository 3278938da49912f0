/* What the benchmarks' C has in common: time, eventfds, and the processor that a thread stays on. */
#include <sched.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

static inline long now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * 1000000000L + t.tv_nsec;
}

static inline void signal_fd(int fd)
{
    uint64_t one = 1;
    if (write(fd, &one, sizeof one) != sizeof one)
        abort();
}

static inline void take_fd(int fd)
{
    uint64_t count;
    if (read(fd, &count, sizeof count) != sizeof count)
        abort();
}

static cpu_set_t processors;

__attribute__((constructor)) static void read_processors(void)
{
    if (sched_getaffinity(0, sizeof processors, &processors) < 0)
        abort();
}

/* Keeps the calling thread on the nth of the processors that there were when the library was loaded. */
static inline void pin(int nth)
{
    cpu_set_t one;
    int cpu = 0;
    for (nth %= CPU_COUNT(&processors); nth > 0 || !CPU_ISSET(cpu, &processors); cpu++)
        nth -= CPU_ISSET(cpu, &processors);
    CPU_ZERO(&one);
    CPU_SET(cpu, &one);
    if (sched_setaffinity(0, sizeof one, &one) < 0)
        abort();
}

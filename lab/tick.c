/*
 * The guest's pulse: about ten lines a second, by which one sees from outside whether the guest ran on undisturbed.
 *     tick N mono=NS real=NS gap=NS
 * N counts from 0 without a hole, mono and real are CLOCK_MONOTONIC and CLOCK_REALTIME, gap is the longest time, in
 * ns, that one round of a 1 ms sleep took since the last line. Each line is one write, so lines do not mix.
 */
#include <stdint.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

#define ROUNDS 100

static int64_t nanoseconds(clockid_t clock)
{
    struct timespec now;

    clock_gettime(clock, &now);
    return now.tv_sec * 1000000000LL + now.tv_nsec;
}

int main(void)
{
    const struct timespec millisecond = { 0, 1000000 };
    int64_t line_at = nanoseconds(CLOCK_MONOTONIC), last = line_at, gap = 0;

    for (uint64_t n = 0;;) {
        nanosleep(&millisecond, NULL);
        int64_t now = nanoseconds(CLOCK_MONOTONIC);
        if (now - last > gap) {
            gap = now - last;
        }
        last = now;
        if (now - line_at >= ROUNDS * 1000000LL) {
            char line[128];
            int length = snprintf(line, sizeof line, "tick %llu mono=%lld real=%lld gap=%lld\n", (unsigned long long)n++,
                                  (long long)now, (long long)nanoseconds(CLOCK_REALTIME), (long long)gap);
            if (write(1, line, length) != length) {
                return 1;
            }
            line_at = now;
            gap = 0;
        }
    }
}

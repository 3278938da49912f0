/*
 * The guest's pulse: about ten lines a second, by which one sees from outside whether the guest ran on undisturbed.
 *     tick N MONO STEP GAP
 * N counts from 0 without a hole. The times are in microseconds: MONO is CLOCK_MONOTONIC since the program began, STEP is how far
 * CLOCK_REALTIME has moved against it since then, and GAP is the longest that one round of a 5 ms sleep took since the last
 * line. Each line is one write, so lines do not mix, and short: a line is at most two FIFOs of a serial port.
 */
#include <stdint.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

#define ROUND 5000
#define LINE 100000

static int64_t microseconds(clockid_t clock)
{
    struct timespec now;

    clock_gettime(clock, &now);
    return now.tv_sec * 1000000LL + now.tv_nsec / 1000;
}

int main(void)
{
    const struct timespec round = { 0, ROUND * 1000 };
    const int64_t begin = microseconds(CLOCK_MONOTONIC), ahead = microseconds(CLOCK_REALTIME) - begin;
    int64_t line_at = begin, last = begin, gap = 0;

    for (uint64_t n = 0;;) {
        nanosleep(&round, NULL);
        int64_t now = microseconds(CLOCK_MONOTONIC);
        if (now - last > gap) {
            gap = now - last;
        }
        last = now;
        if (now - line_at >= LINE) {
            char line[128];
            int64_t step = microseconds(CLOCK_REALTIME) - now - ahead;
            int length = snprintf(line, sizeof line, "tick %llu %lld %lld %lld\n", (unsigned long long)n++,
                                  (long long)(now - begin), (long long)step, (long long)gap);
            if (write(1, line, length) != length) {
                return 1;
            }
            line_at = now;
            gap = 0;
        }
    }
}

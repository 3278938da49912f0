/*
 * Makes requests to a block device and measures them:
 *     requests DEVICE DEPTH COUNT
 * COUNT direct reads of 4 KiB at places all over the device, DEPTH of them in flight, each of them begun when one before it has ended; what has
 * ended together is begun together. Prints how long all of it took, and the median and the 99th percentile of a request's time, in
 * nanoseconds, and how often virtio devices have interrupted meanwhile. With a COUNT of 0 it does everything else: what that costs is taken off.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <linux/aio_abi.h>
#include <linux/fs.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define SIZE 4096
#define MOST 256

static struct iocb requests[MOST];
static long long begun_at[MOST];

static void fail(const char *what)
{
    perror(what);
    exit(1);
}

static long long now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * 1000000000LL + t.tv_nsec;
}

/* Interrupts of virtio devices so far, on all processors. */
static long long interrupts(void)
{
    FILE *file = fopen("/proc/interrupts", "r");
    char line[4096], *next;
    long long sum = 0;
    if (!file)
        fail("/proc/interrupts");
    while (fgets(line, sizeof line, file)) {
        if (!strstr(line, "virtio") || !(next = strchr(line, ':')))
            continue;
        for (char *number = next + 1;; number = next) {
            unsigned long count = strtoul(number, &next, 10);
            if (next == number)
                break;
            sum += count;
        }
    }
    fclose(file);
    return sum;
}

static int by_value(const void *a, const void *b)
{
    long long x = *(const long long *)a, y = *(const long long *)b;
    return (x > y) - (x < y);
}

/* Begins these requests, each somewhere else. */
static void submit(aio_context_t context, struct iocb **list, long count, unsigned long long blocks)
{
    static unsigned long long place;
    long long at = now();
    for (long i = 0; i < count; i++) {
        place = place * 6364136223846793005ULL + 1442695040888963407ULL;
        list[i]->aio_offset = (place >> 20) % blocks * SIZE;
        begun_at[list[i] - requests] = at;
    }
    for (long done = 0; done < count;) {
        long n = syscall(SYS_io_submit, context, count - done, list + done);
        if (n <= 0)
            fail("io_submit");
        done += n;
    }
}

int main(int argc, char **argv)
{
    if (argc != 4)
        return fprintf(stderr, "requests DEVICE DEPTH COUNT\n"), 2;
    long depth = atol(argv[2]), count = atol(argv[3]);
    unsigned long long bytes;
    int device = open(argv[1], O_RDONLY | O_DIRECT);
    char *buffers = aligned_alloc(SIZE, MOST * SIZE);
    long long *times = calloc(count + 1, sizeof *times);
    if (device < 0 || ioctl(device, BLKGETSIZE64, &bytes) < 0)
        fail(argv[1]);
    if (depth < 1 || depth > MOST || count < 0 || bytes < SIZE || !buffers || !times)
        return fprintf(stderr, "requests: cannot do that\n"), 2;
    aio_context_t context = 0;
    if (syscall(SYS_io_setup, MOST, &context) < 0)
        fail("io_setup");

    struct iocb *list[MOST];
    long begun = depth < count ? depth : count, ended = 0;
    for (long i = 0; i < begun; i++) {
        requests[i] = (struct iocb){.aio_fildes = device, .aio_lio_opcode = IOCB_CMD_PREAD, .aio_nbytes = SIZE,
            .aio_buf = (unsigned long)(buffers + i * SIZE), .aio_data = i};
        list[i] = &requests[i];
    }
    long long interrupted = interrupts(), start = now();
    submit(context, list, begun, bytes / SIZE);
    while (ended < count) {
        struct io_event events[MOST];
        long n = syscall(SYS_io_getevents, context, 1, MOST, events, NULL), more = 0;
        if (n <= 0)
            fail("io_getevents");
        long long at = now();
        for (long i = 0; i < n; i++) {
            if (events[i].res != SIZE)
                return fprintf(stderr, "requests: a read gave %lld\n", (long long)events[i].res), 1;
            times[ended++] = at - begun_at[events[i].data];
            if (begun < count) {
                list[more++] = &requests[events[i].data];
                begun++;
            }
        }
        submit(context, list, more, bytes / SIZE);
    }
    long long took = now() - start;
    interrupted = interrupts() - interrupted;
    qsort(times, count, sizeof *times, by_value);
    printf("%lld %lld %lld %lld\n", took, times[count / 2], times[count * 99 / 100], interrupted);
    return 0;
}

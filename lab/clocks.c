/*
 * Compares a guest's clocks with its host's through the guest's RAM, which both see: the console would be too slow for it.
 *     clocks show          in the guest: writes its clocks into a page of its RAM, again and again, indefinitely
 *     clocks read FILE     on the host: finds that page in the RAM file, and prints how far the guest's clocks are ahead
 *         mono LOW HIGH tsc LOW HIGH hz HZ back N
 * Ahead of the host's CLOCK_MONOTONIC_RAW in ns, ahead of the host's TSC in ticks, the TSC's ticks per second, and how often
 * a clock went back in the guest. The truth is between LOW and HIGH: clocks that the guest began to read after one look of ours
 * and had written before the next were read between the two, and of many such pairs the narrowest bounds count.
 */
#include <fcntl.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>
#include <x86intrin.h>

#define PAGE 4096
#define LOOKS 20000
#define TIMEOUT_NS 20000000000LL

struct page {
    uint64_t mark[4];
    _Atomic uint64_t sequence; /* odd while the rest is written */
    int64_t mono;
    uint64_t tsc;
    uint64_t back;
};

static int64_t raw_time(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC_RAW, &now);
    return now.tv_sec * 1000000000LL + now.tv_nsec;
}

/* Computed, so that no copy of the program has the mark in it. */
static void make_mark(uint64_t mark[4])
{
    volatile uint64_t seed = 0x9e3779b97f4a7c15;

    for (int i = 0; i < 4; i++) {
        mark[i] = seed * (2 * i + 3) ^ (seed >> (7 + i));
    }
}

static int show(void)
{
    struct page *page = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
    const struct timespec pause = { 0, 9000000 };

    if (page == MAP_FAILED) {
        perror("clocks: mmap");
        return 1;
    }
    make_mark(page->mark);
    for (;;) {
        /* A tenth of the time, so that the guest has a processor left for what else it does. */
        for (int64_t begin = raw_time(); raw_time() - begin < 1000000;) {
            atomic_fetch_add(&page->sequence, 1);
            int64_t mono = raw_time();
            uint64_t tsc = __rdtsc();

            page->back += mono < page->mono || tsc < page->tsc;
            page->mono = mono;
            page->tsc = tsc;
            atomic_fetch_add(&page->sequence, 1);
        }
        nanosleep(&pause, NULL);
    }
}

/* Whether the page could be read whole, and was begun after the last look. */
static int look(struct page *shared, struct page *seen)
{
    uint64_t last = seen->sequence, before = atomic_load(&shared->sequence);

    seen->sequence = before;
    if (before % 2 != 0 || before < last + 2) {
        return 0;
    }
    seen->mono = *(volatile int64_t *)&shared->mono;
    seen->tsc = *(volatile uint64_t *)&shared->tsc;
    seen->back = *(volatile uint64_t *)&shared->back;
    atomic_thread_fence(memory_order_acquire);
    return atomic_load(&shared->sequence) == before;
}

static struct page *find(const char *path)
{
    struct stat file;
    uint64_t mark[4];
    int fd = open(path, O_RDWR);

    if (fd < 0 || fstat(fd, &file) < 0) {
        perror(path);
        return NULL;
    }
    char *ram = mmap(NULL, file.st_size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    close(fd);
    if (ram == MAP_FAILED) {
        perror("clocks: mmap");
        return NULL;
    }
    make_mark(mark);
    for (off_t at = 0; at < file.st_size; at += PAGE) {
        if (memcmp(ram + at, mark, sizeof mark) == 0) {
            return (struct page *)(ram + at);
        }
    }
    fprintf(stderr, "clocks: no guest shows its clocks in %s\n", path);
    return NULL;
}

static int read_clocks(const char *path)
{
    struct page *shared = find(path), seen = { 0 };
    int64_t begin = raw_time(), mono[2] = { INT64_MIN, INT64_MAX }, tsc[2] = { INT64_MIN, INT64_MAX };
    int64_t last_mono = begin, last_tsc = __rdtsc();
    int64_t first_mono = begin, first_tsc = last_tsc;

    if (shared == NULL) {
        return 1;
    }
    look(shared, &seen);
    for (int looks = 0; looks < LOOKS && last_mono - begin < TIMEOUT_NS;) {
        int64_t now_mono = raw_time(), now_tsc = __rdtsc();
        int is_new = look(shared, &seen);
        int64_t then_mono = raw_time(), then_tsc = __rdtsc();

        if (is_new) {
            int64_t low = seen.mono - then_mono, high = seen.mono - last_mono;
            mono[0] = low > mono[0] ? low : mono[0];
            mono[1] = high < mono[1] ? high : mono[1];
            low = seen.tsc - then_tsc, high = seen.tsc - last_tsc;
            tsc[0] = low > tsc[0] ? low : tsc[0];
            tsc[1] = high < tsc[1] ? high : tsc[1];
            looks++;
        }
        last_mono = now_mono;
        last_tsc = now_tsc;
    }
    if (mono[0] == INT64_MIN) {
        fprintf(stderr, "clocks: the guest's clocks are stopped\n");
        return 1;
    }
    printf("mono %lld %lld tsc %lld %lld hz %.0f back %llu\n", (long long)mono[0], (long long)mono[1], (long long)tsc[0],
           (long long)tsc[1], (last_tsc - first_tsc) * 1e9 / (last_mono - first_mono), (unsigned long long)seen.back);
    return 0;
}

int main(int argc, char **argv)
{
    if (argc == 2 && strcmp(argv[1], "show") == 0) {
        return show();
    }
    if (argc == 3 && strcmp(argv[1], "read") == 0) {
        return read_clocks(argv[2]);
    }
    fprintf(stderr, "usage: clocks show | clocks read FILE\n");
    return 2;
}

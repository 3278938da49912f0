/* A driver of a virtio disk, and the smallest such disk in C: a device that does what ours does for a disk that is nowhere.
 *
 * Both are as virtio 1.2 says (2.7, 5.2), with EVENT_IDX: three descriptors for each request, header, data and status, written anew each time as
 * Linux does; a kick eventfd, where the device asks for it; a call eventfd in place of an irqfd, where the driver asks for it and has
 * acknowledged the one before. The driver keeps "depth" requests in the queue. The device trusts nothing that it reads: it copies a descriptor
 * before it looks at it, and checks indices, the order of a chain, addresses, and the range of sectors. */
#define _GNU_SOURCE
#include "../Io/host.h"
#include "../Io/virtio.h"
#include <string.h>
#include <sys/epoll.h>

#define CHAIN 3
#define SECTOR 512
#define IN 0
#define OUT 1
#define OK 0
#define IO_ERROR 1

struct header {
    uint32_t type, priority;
    uint64_t sector;
};

/* Where everything is in the guest's memory, whose first address is 0. */
#define DESCRIPTORS 0x0000
#define AVAILABLE 0x1000
#define USED 0x2000
#define HEADERS 0x4000 /* 64 bytes for each request: the header, and 32 bytes on the status */
#define STATUS 32
#define DATA 0x10000 /* a page for each request */

struct block {
    uint8_t *memory;
    uint64_t memory_size, sectors;
    int kick, own_kick, call;

    /* The driver's. */
    uint32_t depth, free_count;
    uint64_t made;
    uint16_t free[SIZE], available_index, kicked, used_seen;
    char pad[64];

    /* The device's. */
    uint16_t taken, used_index, published, signalled;
    int was_signalled, is_ending;
    char pad2[64];
    uint32_t interrupt_status;
};

struct block *block_create(uint8_t *memory, uint64_t size, uint64_t sectors, uint32_t depth)
{
    struct block *b = aligned_alloc(64, (sizeof *b + 63) & ~63UL);
    if (b == NULL || depth * CHAIN > SIZE || size < DATA + depth * 4096UL)
        abort();
    *b = (struct block){.memory = memory, .memory_size = size, .sectors = sectors, .depth = depth, .free_count = depth,
        .own_kick = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK), .call = eventfd(0, EFD_CLOEXEC)};
    if (b->own_kick < 0 || b->call < 0)
        abort();
    b->kick = b->own_kick;
    for (uint32_t i = 0; i < depth; i++)
        b->free[i] = i;
    memset(memory, 0, size);
    return b;
}

void block_free(struct block *b)
{
    close(b->own_kick);
    close(b->call);
    free(b);
}

/* Has the driver kick another device than that of block_serve. */
void block_set_kick(struct block *b, int kick)
{
    b->kick = kick;
}

int block_call(struct block *b)
{
    return b->call;
}

void block_pin(int nth)
{
    pin(nth);
}

/* The driver. */

static void offer(struct block *b)
{
    struct descriptor *table = (struct descriptor *)(b->memory + DESCRIPTORS);
    struct available *available = (struct available *)(b->memory + AVAILABLE);
    uint16_t slot = b->free[--b->free_count], first = slot * CHAIN;
    uint64_t place = HEADERS + slot * 64;
    uint64_t n = b->made++;
    uint32_t type = n & 1 ? OUT : IN, length = SECTOR * (1 + n % 8);
    *(struct header *)(b->memory + place) = (struct header){.type = type, .sector = n * 8 % b->sectors};
    b->memory[place + STATUS] = 0xff;
    table[first] = (struct descriptor){place, sizeof(struct header), NEXT, first + 1};
    table[first + 1] = (struct descriptor){DATA + slot * 4096, length, NEXT | (type == IN ? WRITABLE : 0), first + 2};
    table[first + 2] = (struct descriptor){place + STATUS, 1, WRITABLE, 0};
    available->ring[b->available_index++ % SIZE] = first;
}

static void publish_requests(struct block *b)
{
    struct available *available = (struct available *)(b->memory + AVAILABLE);
    struct used *used = (struct used *)(b->memory + USED);
    uint16_t before = b->kicked;
    if (b->available_index == before)
        return;
    b->kicked = b->available_index;
    __atomic_store_n(&available->index, b->available_index, __ATOMIC_RELEASE);
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
    if (wants(__atomic_load_n(&used->available_event, __ATOMIC_RELAXED), b->available_index, before))
        signal_fd(b->kick);
}

static uint32_t take_back(struct block *b)
{
    struct available *available = (struct available *)(b->memory + AVAILABLE);
    struct used *used = (struct used *)(b->memory + USED);
    uint32_t count = 0;
    while (b->used_seen != __atomic_load_n(&used->index, __ATOMIC_ACQUIRE)) {
        for (uint16_t end = __atomic_load_n(&used->index, __ATOMIC_ACQUIRE); b->used_seen != end; b->used_seen++, count++) {
            uint16_t slot = used->ring[b->used_seen % SIZE].head / CHAIN;
            if (slot >= b->depth || b->memory[HEADERS + slot * 64 + STATUS] != OK)
                abort();
            b->free[b->free_count++] = slot;
        }
        __atomic_store_n(&available->used_event, b->used_seen, __ATOMIC_RELAXED);
        __atomic_thread_fence(__ATOMIC_SEQ_CST);
    }
    return count;
}

/* Makes so many requests and waits for the last. Nanoseconds for all. */
long block_drive(struct block *b, long requests, void (*acknowledge)(void *), void *context)
{
    long start = now(), waiting = 0;
    while (requests > 0 || waiting > 0) {
        for (; requests > 0 && b->free_count > 0; requests--, waiting++)
            offer(b);
        publish_requests(b);
        take_fd(b->call);
        acknowledge(context);
        waiting -= take_back(b);
    }
    return now() - start;
}

/* The device. */

void block_acknowledge(void *block)
{
    __atomic_fetch_and(&((struct block *)block)->interrupt_status, 0, __ATOMIC_SEQ_CST);
}

static void *locate(struct block *b, uint64_t address, uint64_t length)
{
    return address <= b->memory_size && length <= b->memory_size - address ? b->memory + address : NULL;
}

static uint32_t serve_request(struct block *b, uint16_t head)
{
    const struct descriptor *table = (struct descriptor *)(b->memory + DESCRIPTORS);
    struct descriptor chain[CHAIN];
    int count = 0;
    for (uint16_t at = head;; at = chain[count - 1].next) {
        if (at >= SIZE || count == CHAIN)
            abort();
        chain[count++] = table[at];
        if (!(chain[count - 1].flags & NEXT))
            break;
    }
    struct descriptor *data = &chain[1], *status = &chain[2];
    struct header header;
    void *from = locate(b, chain[0].address, sizeof header);
    uint8_t *result;
    if (count != CHAIN || chain[0].flags & WRITABLE || !(status->flags & WRITABLE) || status->length == 0 || chain[0].length < sizeof header
        || from == NULL || locate(b, data->address, data->length) == NULL
        || (result = locate(b, status->address, status->length)) == NULL)
        abort();
    memcpy(&header, from, sizeof header);
    int is_in = header.type == IN, is_right = (is_in || header.type == OUT) && is_in == !!(data->flags & WRITABLE)
        && header.sector <= b->sectors && data->length <= (b->sectors - header.sector) * SECTOR && data->length % SECTOR == 0;
    result[status->length - 1] = is_right ? OK : IO_ERROR;
    return status->length + (is_in ? data->length : 0);
}

static void serve_queue(struct block *b)
{
    struct available *available = (struct available *)(b->memory + AVAILABLE);
    struct used *used = (struct used *)(b->memory + USED);
    for (;;) {
        for (uint16_t end; (end = __atomic_load_n(&available->index, __ATOMIC_ACQUIRE)) != b->taken;) {
            if ((uint16_t)(end - b->taken) > SIZE)
                abort();
            for (; b->taken != end; b->taken++) {
                uint16_t head = available->ring[b->taken % SIZE];
                used->ring[b->used_index++ % SIZE] = (struct used_element){head, serve_request(b, head)};
            }
        }
        if (b->used_index != b->published) {
            b->published = b->used_index;
            __atomic_store_n(&used->index, b->used_index, __ATOMIC_RELEASE);
            __atomic_thread_fence(__ATOMIC_SEQ_CST);
            int interrupts = !b->was_signalled || wants(__atomic_load_n(&available->used_event, __ATOMIC_RELAXED), b->used_index, b->signalled);
            b->signalled = b->used_index;
            b->was_signalled = 1;
            if (interrupts && __atomic_fetch_or(&b->interrupt_status, 1, __ATOMIC_SEQ_CST) == 0)
                signal_fd(b->call);
        }
        __atomic_store_n(&used->available_event, b->taken, __ATOMIC_RELAXED);
        __atomic_thread_fence(__ATOMIC_SEQ_CST);
        if (__atomic_load_n(&available->index, __ATOMIC_ACQUIRE) == b->taken)
            return;
    }
}

/* The device's loop, until block_end. */
void block_serve(struct block *b, long poll_nanoseconds)
{
    int epoll = epoll_create1(EPOLL_CLOEXEC);
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = b}, ready[64];
    if (epoll < 0 || epoll_ctl(epoll, EPOLL_CTL_ADD, b->kick, &event) < 0)
        abort();
    while (!__atomic_load_n(&b->is_ending, __ATOMIC_ACQUIRE)) {
        int count = 0;
        if (poll_nanoseconds > 0) {
            long end = now() + poll_nanoseconds;
            do
                count = epoll_wait(epoll, ready, 64, 0);
            while (count == 0 && now() < end);
        }
        if (count == 0)
            count = epoll_wait(epoll, ready, 64, -1);
        for (int i = 0; i < count; i++) {
            struct block *r = ready[i].data.ptr;
            take_fd(r->kick);
            serve_queue(r);
        }
    }
    close(epoll);
}

void block_end(struct block *b)
{
    __atomic_store_n(&b->is_ending, 1, __ATOMIC_RELEASE);
    signal_fd(b->kick);
}

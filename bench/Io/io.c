/* A queue in memory with an eventfd on each side, what fills it, and the smallest loop in C that serves it.
 *
 * The one side stands for a guest: it puts descriptors into the ring, signals the eventfd "in" as a doorbell does, and waits for the eventfd
 * "out", which stands for an irqfd. The other side takes a descriptor for the end of the loop if its length is 0. */
#define _GNU_SOURCE
#include "host.h"
#include <sys/epoll.h>

#define SLOTS 256

struct descriptor {
    uint64_t address;
    uint32_t length;
    uint32_t flags;
};

struct queue {
    uint32_t produced; /* by the guest */
    char pad[60];
    uint32_t consumed; /* by the loop */
    int in, out, done;
    uint32_t batch; /* descriptors for each signal */
    uint32_t rest;  /* signals that are still to come when the loop gives them to itself */
    uint64_t sum;
    long began, ended; /* by the loop itself, when the signals come from it */
    char pad2[16];
    struct descriptor slots[SLOTS];
};

struct queue *queue_create(uint32_t batch)
{
    struct queue *q = aligned_alloc(64, (sizeof *q + 63) & ~63UL);
    *q = (struct queue){.in = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK), .out = eventfd(0, EFD_CLOEXEC),
        .done = eventfd(0, EFD_CLOEXEC), .batch = batch};
    if (q->in < 0 || q->out < 0 || q->done < 0)
        abort();
    return q;
}

void queue_free(struct queue *q)
{
    close(q->in);
    close(q->out);
    close(q->done);
    free(q);
}

void queue_fill(struct queue *q, uint32_t length)
{
    uint32_t produced = q->produced;
    for (uint32_t i = 0; i < q->batch; i++, produced++)
        q->slots[produced % SLOTS] = (struct descriptor){.address = produced, .length = length};
    __atomic_store_n(&q->produced, produced, __ATOMIC_RELEASE);
}

/* Fills the queue and waits until it was served, again and again. Nanoseconds for all. */
long queue_drive(struct queue *q, long signals)
{
    long start = now();
    for (long i = 0; i < signals; i++) {
        queue_fill(q, 512);
        signal_fd(q->in);
        take_fd(q->out);
    }
    return now() - start;
}

/* Has the loop signal itself, so that it always finds the next event when it has served one. Nanoseconds for all but the first. */
long queue_drive_ready(struct queue *q, long signals)
{
    q->rest = signals;
    q->began = 0;
    queue_fill(q, 512);
    signal_fd(q->in);
    take_fd(q->done);
    take_fd(q->out);
    return q->ended - q->began;
}

void queue_pin(int nth)
{
    pin(nth);
}

void queue_end(struct queue *q)
{
    queue_fill(q, 0);
    signal_fd(q->in);
    take_fd(q->out);
}

/* The loop: returns after a descriptor of length 0. */
void queue_serve(struct queue *q, long poll_nanoseconds)
{
    int epoll = epoll_create1(EPOLL_CLOEXEC);
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = q}, ready[64];
    if (epoll < 0 || epoll_ctl(epoll, EPOLL_CTL_ADD, q->in, &event) < 0)
        abort();
    for (int ends = 0; !ends;) {
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
            struct queue *r = ready[i].data.ptr;
            take_fd(r->in);
            uint32_t produced = __atomic_load_n(&r->produced, __ATOMIC_ACQUIRE);
            if (r->consumed == produced)
                continue;
            for (; r->consumed != produced; r->consumed++) {
                struct descriptor *d = &r->slots[r->consumed % SLOTS];
                r->sum += d->address + d->length;
                ends |= d->length == 0;
            }
            signal_fd(r->out);
            if (r->rest == 0)
                continue;
            if (r->began == 0)
                r->began = now();
            if (--r->rest > 0) {
                queue_fill(r, 512);
                signal_fd(r->in);
            } else {
                r->ended = now();
                signal_fd(r->done);
            }
        }
    }
    close(epoll);
}

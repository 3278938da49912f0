/* A driver of a virtio network card with the peer at the other end of its cable, and the smallest such card in C: a device that does what ours does
 * over a stream socket, where each frame follows its length in four bytes.
 *
 * Both are as virtio 1.2 says (2.7, 5.1), with EVENT_IDX: one descriptor for each frame, header and frame in one buffer; a kick eventfd for each
 * queue, where the device asks for it; a call eventfd in place of an irqfd, where the driver asks for it and has acknowledged the one before. A round
 * sends a batch of frames, which the peer reads from its end of the socket, and the peer then sends as many back in one write. The driver wants no
 * interrupt for frames that were sent, as Linux does not. The device trusts nothing that it reads: it copies a descriptor before it looks at it, and
 * checks indices, lengths and addresses. */
#define _GNU_SOURCE
#include "../Io/host.h"
#include "../Io/virtio.h"
#include <arpa/inet.h>
#include <errno.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/uio.h>

#define HEADER 12
#define PREFIX 4
#define FRAME 256
#define BATCH 32
#define LONGEST 65536

/* Where everything is in the guest's memory, whose first address is 0: three pages for each queue, and a buffer of 1 KiB for each of its descriptors. */
#define RINGS(queue) ((queue) * 0x3000)
#define AVAILABLE 0x1000
#define USED 0x2000
#define BUFFER 1024
#define BUFFERS(queue) (0x10000 + (queue) * 0x10000)
#define RECEIVE 0
#define SEND 1
#define OFFERED 64                      /* how many buffers each queue has */

/* A queue seen from the device, or from the driver. */
struct side {
    uint16_t next, seen, published, signalled;
    int was_signalled;
};

struct net {
    uint8_t *memory;
    uint64_t memory_size;
    int kick[2], own_kick[2], call, peer, own_host;

    /* The driver's, of each queue, and the peer's. */
    struct side driver[2];
    uint32_t received;
    uint8_t from_peer[BATCH * (PREFIX + FRAME)], to_peer[BATCH * (PREFIX + FRAME)];
    char pad[64];

    /* The device's. */
    struct side device[2];
    int is_ending;
    uint32_t have;
    uint8_t input[LONGEST + PREFIX];
    char pad2[64];
    uint32_t interrupt_status;
};

static struct available *available_of(struct net *n, int queue)
{
    return (struct available *)(n->memory + RINGS(queue) + AVAILABLE);
}

static struct used *used_of(struct net *n, int queue)
{
    return (struct used *)(n->memory + RINGS(queue) + USED);
}

/* The driver's part. Its card's end of the socket is what net_host says. */

static void offer(struct net *n, int queue, uint16_t id, uint32_t length)
{
    struct descriptor *table = (struct descriptor *)(n->memory + RINGS(queue));

    table[id] = (struct descriptor){BUFFERS(queue) + id * BUFFER, length, queue == RECEIVE ? WRITABLE : 0, 0};
    available_of(n, queue)->ring[n->driver[queue].next++ % SIZE] = id;
}

static void publish(struct net *n, int queue)
{
    struct side *side = &n->driver[queue];
    uint16_t before = side->published;

    if (side->next == before)
        return;
    side->published = side->next;
    __atomic_store_n(&available_of(n, queue)->index, side->next, __ATOMIC_RELEASE);
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
    if (wants(__atomic_load_n(&used_of(n, queue)->available_event, __ATOMIC_RELAXED), side->next, before))
        signal_fd(n->kick[queue]);
}

struct net *net_create(uint8_t *memory, uint64_t size)
{
    struct net *n = aligned_alloc(64, (sizeof *n + 63) & ~63UL);
    int ends[2];

    if (n == NULL || size < BUFFERS(2) || socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends))
        abort();
    memset(n, 0, sizeof *n);
    n->memory = memory;
    n->memory_size = size;
    n->call = eventfd(0, EFD_CLOEXEC);
    n->peer = ends[0];
    n->own_host = ends[1];
    for (int queue = 0; queue < 2; queue++)
        if ((n->kick[queue] = n->own_kick[queue] = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) < 0)
            abort();
    if (n->call < 0)
        abort();
    memset(memory, 0, size);
    for (int i = 0; i < BATCH; i++) {
        uint32_t length = htonl(FRAME);
        memcpy(n->to_peer + i * (PREFIX + FRAME), &length, PREFIX);
        memset(n->to_peer + i * (PREFIX + FRAME) + PREFIX, 0xff, FRAME);
    }
    return n;
}

void net_free(struct net *n)
{
    for (int queue = 0; queue < 2; queue++)
        close(n->own_kick[queue]);
    close(n->call);
    close(n->peer);
    close(n->own_host);
    free(n);
}

void net_set_kick(struct net *n, int queue, int kick)
{
    n->kick[queue] = kick;
}

int net_call(struct net *n)
{
    return n->call;
}

/* A descriptor of the device's end of the socket, for another device; it belongs to the caller. */
int net_host(struct net *n)
{
    int host = dup(n->own_host);
    if (host < 0)
        abort();
    return host;
}

void net_pin(int nth)
{
    pin(nth);
}

/* The driver offers its buffers, once the device is live. */
void net_begin(struct net *n)
{
    for (uint16_t id = 0; id < OFFERED; id++)
        offer(n, RECEIVE, id, BUFFER);
    publish(n, RECEIVE);
}

static void peer_read(struct net *n, uint32_t frames)
{
    size_t wanted = frames * (PREFIX + FRAME), have = 0;

    while (have < wanted) {
        ssize_t got = recv(n->peer, n->from_peer + have, wanted - have, 0);
        if (got <= 0)
            abort();
        have += got;
    }
    for (uint32_t i = 0; i < frames; i++) {
        uint32_t length;
        memcpy(&length, n->from_peer + i * (PREFIX + FRAME), PREFIX);
        if (ntohl(length) != FRAME)
            abort();
    }
}

static uint32_t take_received(struct net *n)
{
    struct side *side = &n->driver[RECEIVE];
    struct used *used = used_of(n, RECEIVE);
    uint32_t count = 0;

    while (side->seen != __atomic_load_n(&used->index, __ATOMIC_ACQUIRE)) {
        for (uint16_t end = __atomic_load_n(&used->index, __ATOMIC_ACQUIRE); side->seen != end; side->seen++, count++) {
            struct used_element element = used->ring[side->seen % SIZE];
            if (element.head >= OFFERED || element.written != HEADER + FRAME)
                abort();
            offer(n, RECEIVE, element.head, BUFFER);
        }
        __atomic_store_n(&available_of(n, RECEIVE)->used_event, side->seen, __ATOMIC_RELAXED);
        __atomic_thread_fence(__ATOMIC_SEQ_CST);
    }
    publish(n, RECEIVE);
    return count;
}

/* Makes so many rounds. Nanoseconds for all. */
long net_drive(struct net *n, long rounds, uint32_t batch, void (*acknowledge)(void *), void *context)
{
    struct side *sent = &n->driver[SEND];
    long start = now();

    for (; rounds > 0; rounds--) {
        for (uint32_t i = 0; i < batch; i++)
            offer(n, SEND, sent->next % OFFERED, HEADER + FRAME);
        available_of(n, SEND)->used_event = sent->next + SIZE;
        publish(n, SEND);
        peer_read(n, batch);
        if (send(n->peer, n->to_peer, batch * (PREFIX + FRAME), 0) != (ssize_t)(batch * (PREFIX + FRAME)))
            abort();
        for (uint32_t received = 0; received < batch;) {
            take_fd(n->call);
            acknowledge(context);
            received += take_received(n);
        }
    }
    return now() - start;
}

/* The device. */

void net_acknowledge(void *net)
{
    __atomic_fetch_and(&((struct net *)net)->interrupt_status, 0, __ATOMIC_SEQ_CST);
}

static void *locate(struct net *n, uint64_t address, uint64_t length)
{
    return address <= n->memory_size && length <= n->memory_size - address ? n->memory + address : NULL;
}

/* The next chain, which is one descriptor. */
static int take(struct net *n, int queue, uint16_t *head, struct descriptor *descriptor)
{
    struct side *side = &n->device[queue];
    struct available *available = available_of(n, queue);
    uint16_t end = __atomic_load_n(&available->index, __ATOMIC_ACQUIRE);

    if (end == side->next)
        return 0;
    if ((uint16_t)(end - side->next) > SIZE)
        abort();
    *head = available->ring[side->next++ % SIZE];
    if (*head >= SIZE)
        abort();
    *descriptor = ((struct descriptor *)(n->memory + RINGS(queue)))[*head];
    if (descriptor->flags & NEXT || !(descriptor->flags & WRITABLE) != (queue == SEND))
        abort();
    return 1;
}

static void give_back(struct net *n, int queue, uint16_t head, uint32_t written)
{
    used_of(n, queue)->ring[n->device[queue].seen++ % SIZE] = (struct used_element){head, written};
}

static void publish_used(struct net *n, int queue)
{
    struct side *side = &n->device[queue];
    if (side->seen == side->published)
        return;
    side->published = side->seen;
    __atomic_store_n(&used_of(n, queue)->index, side->seen, __ATOMIC_RELEASE);
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
    int interrupts = !side->was_signalled
        || wants(__atomic_load_n(&available_of(n, queue)->used_event, __ATOMIC_RELAXED), side->seen, side->signalled);
    side->signalled = side->seen;
    side->was_signalled = 1;
    if (interrupts && __atomic_fetch_or(&n->interrupt_status, 1, __ATOMIC_SEQ_CST) == 0)
        signal_fd(n->call);
}

/* Whether the driver has made more available than was taken, once it was asked to say so. */
static int ask_for_kicks(struct net *n, int queue)
{
    __atomic_store_n(&used_of(n, queue)->available_event, n->device[queue].next, __ATOMIC_RELAXED);
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
    return __atomic_load_n(&available_of(n, queue)->index, __ATOMIC_ACQUIRE) != n->device[queue].next;
}

static void serve_send(struct net *n, int host)
{
    uint16_t head;
    struct descriptor frame;

    do {
        while (take(n, SEND, &head, &frame)) {
            uint8_t *from = locate(n, frame.address, frame.length);
            if (from == NULL || frame.length <= HEADER || frame.length > HEADER + LONGEST)
                abort();
            uint32_t length = frame.length - HEADER, prefix = htonl(length);
            struct iovec pieces[2] = {{&prefix, PREFIX}, {from + HEADER, length}};
            struct msghdr message = {.msg_iov = pieces, .msg_iovlen = 2};
            if (sendmsg(host, &message, MSG_DONTWAIT | MSG_NOSIGNAL) != (ssize_t)(PREFIX + length))
                abort();
            give_back(n, SEND, head, 0);
        }
        publish_used(n, SEND);
    } while (ask_for_kicks(n, SEND));
}

static void serve_receive(struct net *n, int host)
{
    static const uint8_t header[HEADER] = {[10] = 1};

    for (;;) {
        ssize_t got = recv(host, n->input + n->have, sizeof n->input - n->have, MSG_DONTWAIT);
        if (got == 0)
            return;
        if (got < 0) {
            if (errno != EAGAIN)
                abort();
            break;
        }
        n->have += got;
        uint32_t at = 0, length;
        while (n->have - at >= PREFIX && (memcpy(&length, n->input + at, PREFIX), length = ntohl(length), n->have - at - PREFIX >= length)) {
            uint16_t head;
            struct descriptor buffer;
            if (length == 0 || length > LONGEST || !take(n, RECEIVE, &head, &buffer))
                abort();
            uint8_t *to = locate(n, buffer.address, HEADER + length);
            if (to == NULL || buffer.length < HEADER + length)
                abort();
            memcpy(to, header, HEADER);
            memcpy(to + HEADER, n->input + at + PREFIX, length);
            give_back(n, RECEIVE, head, HEADER + length);
            at += PREFIX + length;
        }
        memmove(n->input, n->input + at, n->have -= at);
    }
    publish_used(n, RECEIVE);
}

/* The device's loop, until net_end. */
void net_serve(struct net *n)
{
    int epoll = epoll_create1(EPOLL_CLOEXEC);
    int waited[3] = {n->own_kick[RECEIVE], n->own_kick[SEND], n->own_host};
    struct epoll_event ready[8];

    for (int i = 0; i < 3; i++) {
        struct epoll_event event = {.events = EPOLLIN | EPOLLET, .data.u32 = i};
        if (epoll < 0 || epoll_ctl(epoll, EPOLL_CTL_ADD, waited[i], &event) < 0)
            abort();
    }
    while (!__atomic_load_n(&n->is_ending, __ATOMIC_ACQUIRE)) {
        int count = epoll_wait(epoll, ready, 8, -1);
        for (int i = 0; i < count; i++) {
            uint32_t which = ready[i].data.u32;
            if (which < 2)
                take_fd(waited[which]);
            if (which == SEND)
                serve_send(n, n->own_host);
            else
                serve_receive(n, n->own_host);
        }
    }
    close(epoll);
}

void net_end(struct net *n)
{
    __atomic_store_n(&n->is_ending, 1, __ATOMIC_RELEASE);
    signal_fd(n->own_kick[SEND]);
}

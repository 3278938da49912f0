/* The floor of a handover: the least that two processes must do to move a running guest, written in the smallest way C allows.
 *
 * Both processes map the same shared RAM, and the new one has built its VM before. Old kicks its vCPUs (immediate_exit and
 * tgkill); each vCPU's thread reads its state, the last one adds the devices in the kernel and sends one message over a socket
 * pair; new's first vCPU's thread reads it, sets the devices, and every thread sets its vCPU and enters the guest, the last to be
 * ready first. No baton, no checksum, no plan, no second thread where one vCPU needs none.
 *
 * floor CPUS MIB BYTES still|busy: CPUS vCPUs, of which all but the first wait for a start-up IPI (still) or count too (busy); MIB
 * of RAM; a message of BYTES or what the state needs, whichever is more. Says `ram FD` when the guest counts at 2 MiB. At a line
 * on stdin it hops and prints, in nanoseconds of CLOCK_MONOTONIC: the decision to stop, the last exit in old, the state read, the
 * message received, the state set, the first entry in new; then the bytes sent. Ends at the end of stdin. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <linux/futex.h>
#include <linux/kvm.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define MOST_CPUS 8
#define MOST_MSRS 512
#define CODE 0x100000
#define COUNTER 0x200000
#define HOLE 0xc0000000UL
#define ABOVE 0x100000000UL

struct msrs {
    struct kvm_msrs head;
    struct kvm_msr_entry entries[MOST_MSRS];
};

struct cpu_state {
    struct kvm_mp_state mp;
    struct kvm_vcpu_events events;
    struct kvm_regs regs;
    struct kvm_sregs2 sregs;
    struct kvm_xcrs xcrs;
    char xsave[4096];
    struct kvm_debugregs debug;
    struct kvm_lapic_state lapic;
    unsigned long tsc_offset;
    struct msrs msrs;
};

struct message {
    struct kvm_irqchip chips[3];
    struct kvm_pit_state2 pit;
    struct kvm_clock_data clock;
    struct cpu_state cpus[MOST_CPUS];
};

/* What both processes see: when what happened. */
static struct {
    _Atomic long decided, left, saved, received, set, entered;
} *at;

static int cpus, is_new, kvm, vm, channel, page_size;
static int cpu_fd[MOST_CPUS];
static struct kvm_run *run[MOST_CPUS];
static pid_t thread_of[MOST_CPUS];
static struct message state;
static size_t length;
static char *ram;
static struct msrs wanted;
static atomic_int started, stopping, out, captured, applied;
static atomic_int all_out, has_state, all_applied;

static void fail(const char *what)
{
    perror(what);
    _exit(1);
}

static void call(int fd, unsigned long request, const void *argument, const char *what)
{
    if (ioctl(fd, request, argument) < 0)
        fail(what);
}
#define CALL(fd, request, argument) call(fd, request, argument, #request)

static long now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * 1000000000L + t.tv_nsec;
}

static void wait_for(atomic_int *word)
{
    while (!atomic_load(word))
        syscall(SYS_futex, word, FUTEX_WAIT_PRIVATE, 0, NULL, NULL, 0);
}

static void raise_word(atomic_int *word)
{
    atomic_store(word, 1);
    if (cpus > 1)
        syscall(SYS_futex, word, FUTEX_WAKE_PRIVATE, MOST_CPUS, NULL, NULL, 0);
}

/* Whether all have come here. */
static int last(atomic_int *count)
{
    return atomic_fetch_add(count, 1) == cpus - 1;
}

static struct kvm_device_attr tsc_offset(unsigned long *value)
{
    return (struct kvm_device_attr){.group = KVM_VCPU_TSC_CTRL, .attr = KVM_VCPU_TSC_OFFSET, .addr = (unsigned long)value};
}

static void capture(int i)
{
    struct cpu_state *s = &state.cpus[i];
    int fd = cpu_fd[i];
    CALL(fd, KVM_GET_MP_STATE, &s->mp);
    CALL(fd, KVM_GET_VCPU_EVENTS, &s->events);
    CALL(fd, KVM_GET_REGS, &s->regs);
    CALL(fd, KVM_GET_SREGS2, &s->sregs);
    CALL(fd, KVM_GET_XCRS, &s->xcrs);
    CALL(fd, KVM_GET_XSAVE2, s->xsave);
    CALL(fd, KVM_GET_DEBUGREGS, &s->debug);
    CALL(fd, KVM_GET_LAPIC, &s->lapic);
    struct kvm_device_attr offset = tsc_offset(&s->tsc_offset);
    ioctl(fd, KVM_GET_DEVICE_ATTR, &offset);
    s->msrs = wanted;
    CALL(fd, KVM_GET_MSRS, &s->msrs);
}

static void apply(int i)
{
    struct cpu_state *s = &state.cpus[i];
    int fd = cpu_fd[i];
    CALL(fd, KVM_SET_SREGS2, &s->sregs);
    CALL(fd, KVM_SET_XCRS, &s->xcrs);
    CALL(fd, KVM_SET_XSAVE, s->xsave);
    CALL(fd, KVM_SET_LAPIC, &s->lapic);
    struct kvm_device_attr offset = tsc_offset(&s->tsc_offset);
    ioctl(fd, KVM_SET_DEVICE_ATTR, &offset);
    CALL(fd, KVM_SET_MSRS, &s->msrs);
    CALL(fd, KVM_SET_REGS, &s->regs);
    CALL(fd, KVM_SET_DEBUGREGS, &s->debug);
    CALL(fd, KVM_SET_VCPU_EVENTS, &s->events);
    CALL(fd, KVM_SET_MP_STATE, &s->mp);
}

static void send_state(void)
{
    for (int i = 0; i < 3; i++) {
        state.chips[i].chip_id = i;
        CALL(vm, KVM_GET_IRQCHIP, &state.chips[i]);
    }
    CALL(vm, KVM_GET_PIT2, &state.pit);
    CALL(vm, KVM_GET_CLOCK, &state.clock);
    atomic_store(&at->saved, now());
    if (send(channel, &state, length, 0) != (ssize_t)length)
        fail("send");
}

static void receive_state(void)
{
    if (recv(channel, &state, length, MSG_WAITALL) != (ssize_t)length)
        _exit(0); /* old has ended without a hop */
    atomic_store(&at->received, now());
    for (int i = 0; i < 3; i++)
        CALL(vm, KVM_SET_IRQCHIP, &state.chips[i]);
    CALL(vm, KVM_SET_PIT2, &state.pit);
    state.clock.flags = 0;
    CALL(vm, KVM_SET_CLOCK, &state.clock);
}

/* In new: get the state, be ready, go in. */
static void arrive(int i)
{
    if (i == 0) {
        receive_state();
        raise_word(&has_state);
    }
    wait_for(&has_state);
    apply(i);
    if (last(&applied)) {
        atomic_store(&at->set, now());
        raise_word(&all_applied);
        atomic_store(&at->entered, now());
    }
    wait_for(&all_applied);
}

/* In old: be out, read the state, let the last one send it all. */
static void leave(int i)
{
    long mine = now(), latest = atomic_load(&at->left);
    while (mine > latest && !atomic_compare_exchange_weak(&at->left, &latest, mine))
        ;
    if (last(&out))
        raise_word(&all_out);
    wait_for(&all_out);
    capture(i);
    if (last(&captured))
        send_state();
}

static void *cpu_thread(void *argument)
{
    int i = (int)(long)argument;
    thread_of[i] = gettid();
    atomic_fetch_add(&started, 1);
    if (is_new)
        arrive(i);
    for (;;) {
        if (ioctl(cpu_fd[i], KVM_RUN, 0) < 0 && atomic_load(&stopping)) {
            leave(i);
            return NULL;
        }
    }
}

/* The registers that can be read: those that KVM lists, the MTRRs and the machine-check banks. */
static void survey_msrs(int fd)
{
    struct {
        struct kvm_msr_list head;
        unsigned indices[MOST_MSRS];
    } list = {.head.nmsrs = MOST_MSRS};
    CALL(kvm, KVM_GET_MSR_INDEX_LIST, &list);
    unsigned n = list.head.nmsrs;
    for (unsigned i = 0x200; i < 0x210; i++)
        list.indices[n++] = i;
    for (unsigned i = 0x268; i < 0x270; i++)
        list.indices[n++] = i;
    unsigned more[] = {0x250, 0x258, 0x259, 0x2ff, 0x17a, 0x17b};
    for (unsigned i = 0; i < sizeof more / sizeof *more; i++)
        list.indices[n++] = more[i];
    for (unsigned i = 0x400; i < 0x428; i++)
        list.indices[n++] = i;
    for (unsigned i = 0; i < n; i++) {
        struct msrs one = {.head.nmsrs = 1, .entries[0].index = list.indices[i]};
        unsigned index = list.indices[i];
        if (index != 0x11 && index != 0x4b564d00 && ioctl(fd, KVM_GET_MSRS, &one) == 1 && ioctl(fd, KVM_SET_MSRS, &one) == 1)
            wanted.entries[wanted.head.nmsrs++].index = index;
    }
}

/* 32-bit protected mode with flat segments, at this vCPU's own loop. */
static void place(int i)
{
    struct kvm_sregs sregs;
    CALL(cpu_fd[i], KVM_GET_SREGS, &sregs);
    struct kvm_segment data = {.limit = 0xffffffff, .selector = 16, .type = 3, .present = 1, .db = 1, .s = 1, .g = 1};
    sregs.ds = sregs.es = sregs.fs = sregs.gs = sregs.ss = data;
    sregs.cs = data;
    sregs.cs.selector = 8;
    sregs.cs.type = 11;
    sregs.cr0 |= 1;
    struct kvm_regs regs = {.rip = CODE + 64 * i, .rflags = 2};
    CALL(cpu_fd[i], KVM_SET_SREGS, &sregs);
    CALL(cpu_fd[i], KVM_SET_REGS, &regs);
    struct kvm_mp_state mp = {KVM_MP_STATE_RUNNABLE};
    CALL(cpu_fd[i], KVM_SET_MP_STATE, &mp);
}

static void write_guest(int i)
{
    unsigned low = COUNTER + 64 * i, high = low + 4;
    unsigned char loop[] = {0x83, 0x05, 0, 0, 0, 0, 1, 0x83, 0x15, 0, 0, 0, 0, 0, 0xeb, 0xf0}; /* addl $1; adcl $0; jmp */
    memcpy(loop + 2, &low, 4);
    memcpy(loop + 9, &high, 4);
    memcpy(ram + CODE + 64 * i, loop, sizeof loop);
}

static void add_memory(unsigned slot, unsigned long address, unsigned long size, char *where)
{
    struct kvm_userspace_memory_region region = {
        .slot = slot, .guest_phys_addr = address, .memory_size = size, .userspace_addr = (unsigned long)where};
    CALL(vm, KVM_SET_USER_MEMORY_REGION, &region);
}

static void build(int ram_fd, unsigned long size, int busy)
{
    kvm = open("/dev/kvm", O_RDWR | O_CLOEXEC);
    if (kvm < 0 || (vm = ioctl(kvm, KVM_CREATE_VM, 0)) < 0)
        fail("KVM_CREATE_VM");
    unsigned long identity = 0xfffbc000;
    CALL(vm, KVM_SET_IDENTITY_MAP_ADDR, &identity);
    CALL(vm, KVM_SET_TSS_ADDR, (void *)0xfffbd000);
    CALL(vm, KVM_CREATE_IRQCHIP, 0);
    struct kvm_pit_config pit = {.flags = KVM_PIT_SPEAKER_DUMMY};
    CALL(vm, KVM_CREATE_PIT2, &pit);
    ram = mmap(0, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_NORESERVE, ram_fd, 0);
    if (ram == MAP_FAILED)
        fail("mmap of RAM");
    add_memory(0, 0, size < HOLE ? size : HOLE, ram);
    if (size > HOLE)
        add_memory(1, ABOVE, size - HOLE, ram + HOLE);
    page_size = ioctl(kvm, KVM_GET_VCPU_MMAP_SIZE, 0);
    static struct {
        struct kvm_cpuid2 head;
        struct kvm_cpuid_entry2 entries[256];
    } cpuid = {.head.nent = 256};
    CALL(kvm, KVM_GET_SUPPORTED_CPUID, &cpuid);
    for (int i = 0; i < cpus; i++) {
        if ((cpu_fd[i] = ioctl(vm, KVM_CREATE_VCPU, i)) < 0)
            fail("KVM_CREATE_VCPU");
        run[i] = mmap(0, page_size, PROT_READ | PROT_WRITE, MAP_SHARED, cpu_fd[i], 0);
        CALL(cpu_fd[i], KVM_SET_CPUID2, &cpuid);
        if (i == 0)
            survey_msrs(cpu_fd[0]);
        if (!is_new && (i == 0 || busy))
            place(i);
        write_guest(i); /* both the same; in new it maps the pages that the guest uses */
        *(volatile char *)(ram + COUNTER + 64 * i);
    }
}

static void start_threads(void)
{
    for (long i = 0; i < cpus; i++) {
        pthread_t thread;
        if (pthread_create(&thread, NULL, cpu_thread, (void *)i) != 0)
            fail("pthread_create");
    }
    while (atomic_load(&started) < cpus)
        usleep(100);
}

static void hop(void)
{
    atomic_store(&at->decided, now());
    atomic_store(&stopping, 1);
    for (int i = 0; i < cpus; i++) {
        ((volatile struct kvm_run *)run[i])->immediate_exit = 1;
        syscall(SYS_tgkill, getpid(), thread_of[i], SIGRTMIN);
    }
    for (int i = 0; i < 5000 && !atomic_load(&at->entered); i++)
        usleep(1000);
    if (!atomic_load(&at->entered))
        fprintf(stderr, "the guest did not arrive\n"), _exit(1);
    printf("%ld %ld %ld %ld %ld %ld %zu\n", at->decided, at->left, at->saved, at->received, at->set, at->entered, length);
    fflush(stdout);
}

static void nothing(int signal)
{
    (void)signal;
}

int main(int argc, char **argv)
{
    if (argc != 5 || (cpus = atoi(argv[1])) < 1 || cpus > MOST_CPUS)
        return fprintf(stderr, "floor CPUS MIB BYTES still|busy\n"), 2;
    unsigned long size = strtoul(argv[2], NULL, 10) << 20, bytes = strtoul(argv[3], NULL, 10);
    length = offsetof(struct message, cpus) + cpus * sizeof(struct cpu_state);
    if (length < bytes && bytes <= sizeof state)
        length = bytes;
    sigaction(SIGRTMIN, &(struct sigaction){.sa_handler = nothing}, NULL);
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    int ram_fd = memfd_create("floor-ram", MFD_CLOEXEC), pair[2];
    at = mmap(0, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (ram_fd < 0 || ftruncate(ram_fd, size) < 0 || socketpair(AF_UNIX, SOCK_STREAM, 0, pair) < 0 || at == MAP_FAILED)
        fail("set-up");
    pid_t child = fork();
    if (child < 0)
        fail("fork");
    is_new = child == 0;
    channel = pair[is_new];
    close(pair[!is_new]);
    if (is_new)
        prctl(PR_SET_PDEATHSIG, SIGKILL);
    build(ram_fd, size, strcmp(argv[4], "busy") == 0);
    char ready = 1;
    if (is_new) {
        start_threads();
        if (write(channel, &ready, 1) != 1)
            fail("ready");
        for (;;)
            pause();
    }
    if (read(channel, &ready, 1) != 1)
        fail("new");
    start_threads();
    while (*(volatile unsigned long *)(ram + COUNTER) < 1000)
        usleep(100);
    printf("ram %d\n", ram_fd);
    fflush(stdout);
    for (int line; (line = getchar()) != EOF;)
        if (line == '\n' && !atomic_load(&at->decided))
            hop();
    kill(child, SIGKILL);
    return 0;
}

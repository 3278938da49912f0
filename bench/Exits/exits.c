/* The floor: the same guest loop, the same devices in the kernel, driven by the smallest loop that C can write.
 * Prints nanoseconds for the given number of exits: writes of a port, or, with "mmio", of an address without memory. */
#include <fcntl.h>
#include <linux/kvm.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <time.h>

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

int main(int argc, char **argv)
{
    static const unsigned char ports[] = {0xe6, 0x10, 0xeb, 0xfc}; /* out 0x10, al; jmp */
    static const unsigned char mmio[] = {0xb8, 0xff, 0xff, 0x8e, 0xd8, 0x66, 0xa3, 0x60, 0x00, 0xeb, 0xfa}; /* mov ds, 0xffff; mov [0x60], eax; jmp */
    int writes_mmio = argc > 2 && !strcmp(argv[2], "mmio");
    long warm = 10000, exits = argc > 1 ? atol(argv[1]) : 100000, seen = 0, start = 0;
    volatile unsigned long sum = 0;
    int kvm = open("/dev/kvm", O_RDWR | O_CLOEXEC);
    int vm = kvm < 0 ? -1 : ioctl(kvm, KVM_CREATE_VM, 0);
    if (vm < 0)
        fail("KVM_CREATE_VM");
    ioctl(vm, KVM_SET_TSS_ADDR, 0xfffbd000);
    if (ioctl(vm, KVM_CREATE_IRQCHIP, 0) < 0)
        fail("KVM_CREATE_IRQCHIP");
    struct kvm_pit_config pit = {.flags = KVM_PIT_SPEAKER_DUMMY};
    if (ioctl(vm, KVM_CREATE_PIT2, &pit) < 0)
        fail("KVM_CREATE_PIT2");
    void *memory = mmap(0, 1 << 20, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    memcpy((char *)memory + 0x1000, writes_mmio ? mmio : ports, writes_mmio ? sizeof mmio : sizeof ports);
    struct kvm_userspace_memory_region slot = {.memory_size = 1 << 20, .userspace_addr = (unsigned long)memory};
    if (ioctl(vm, KVM_SET_USER_MEMORY_REGION, &slot) < 0)
        fail("KVM_SET_USER_MEMORY_REGION");
    int cpu = ioctl(vm, KVM_CREATE_VCPU, 0);
    struct kvm_run *run = mmap(0, ioctl(kvm, KVM_GET_VCPU_MMAP_SIZE, 0), PROT_READ | PROT_WRITE, MAP_SHARED, cpu, 0);
    struct {
        struct kvm_cpuid2 head;
        struct kvm_cpuid_entry2 entries[256];
    } cpuid = {.head.nent = 256};
    if (ioctl(kvm, KVM_GET_SUPPORTED_CPUID, &cpuid) < 0 || ioctl(cpu, KVM_SET_CPUID2, &cpuid) < 0)
        fail("KVM_SET_CPUID2");
    struct kvm_sregs sregs;
    ioctl(cpu, KVM_GET_SREGS, &sregs);
    sregs.cs.base = 0x1000;
    sregs.cs.selector = 0x100;
    struct kvm_regs regs = {.rflags = 2};
    if (ioctl(cpu, KVM_SET_SREGS, &sregs) < 0 || ioctl(cpu, KVM_SET_REGS, &regs) < 0)
        fail("KVM_SET_REGS");

    for (;;) {
        if (ioctl(cpu, KVM_RUN, 0) < 0)
            fail("KVM_RUN");
        if (run->exit_reason != (writes_mmio ? KVM_EXIT_MMIO : KVM_EXIT_IO))
            return fprintf(stderr, "exit %u\n", run->exit_reason), 1;
        if (writes_mmio) {
            sum += run->mmio.is_write ? run->mmio.data[0] : 0;
        } else {
            unsigned char *data = (unsigned char *)run + run->io.data_offset;
            for (unsigned i = 0; i < run->io.count; i++)
                sum += data[i * run->io.size];
        }
        if (++seen == warm)
            start = now();
        if (seen == warm + exits) {
            printf("%ld\n", now() - start);
            return 0;
        }
    }
}

// KVM's structures in the kernel's layout (linux/kvm.h and asm/kvm.h of x86-64). Those that only travel are kept as
// bytes in the state records; the ones here have fields that are read or written.

using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace Vmm.Kvm.Native;

/// <summary>struct kvm_run: the page that a vCPU and its thread share.</summary>
[StructLayout(LayoutKind.Explicit)]
internal struct KvmRun
{
    [FieldOffset(1)]
    internal byte ImmediateExit;
    [FieldOffset(8)]
    internal KvmExit ExitReason;
    [FieldOffset(0x20)]
    internal IoExit Io;
    [FieldOffset(0x20)]
    internal MmioExit Mmio;
    [FieldOffset(0x20)]
    internal ulong HardwareReason;
    [FieldOffset(0x20)]
    internal InternalErrorExit InternalError;
    [FieldOffset(0x20)]
    internal uint SystemEvent;
    [FieldOffset(0x20)]
    internal MemoryFaultExit MemoryFault;

    [StructLayout(LayoutKind.Sequential)]
    internal struct IoExit
    {
        internal byte Direction;
        internal byte Size;
        internal ushort Port;
        internal uint Count;
        internal ulong DataOffset;
    }

    [StructLayout(LayoutKind.Sequential)]
    internal struct MmioExit
    {
        internal ulong Address;
        internal Bytes8 Data;
        internal uint Length;
        internal byte IsWrite;
    }

    [StructLayout(LayoutKind.Sequential)]
    internal struct MemoryFaultExit
    {
        internal ulong Flags, Address, Size;
    }

    [StructLayout(LayoutKind.Sequential)]
    internal struct InternalErrorExit
    {
        internal uint Suberror;
        internal uint DataCount;
    }
}

/// <summary>Eight bytes in place.</summary>
[InlineArray(8)]
internal struct Bytes8
{
    private byte _first;
}

/// <summary>KVM_EXIT_*: why KVM_RUN returned.</summary>
internal enum KvmExit : uint
{
    Unknown = 0,
    Io = 2,
    Hlt = 5,
    Mmio = 6,
    Shutdown = 8,
    FailEntry = 9,
    Interrupted = 10,
    InternalError = 17,
    SystemEvent = 24,
    MemoryFault = 39,
}

/// <summary>KVM_MP_STATE_*: whether a vCPU runs, waits for an interrupt or waits for a start-up IPI.</summary>
internal enum KvmMpState : uint
{
    Runnable = 0,
    Uninitialized = 1,
    Halted = 3,
}

/// <summary>struct kvm_regs.</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct KvmRegs
{
    internal ulong Rax, Rbx, Rcx, Rdx, Rsi, Rdi, Rsp, Rbp;
    internal ulong R8, R9, R10, R11, R12, R13, R14, R15;
    internal ulong Rip, Rflags;
}

/// <summary>struct kvm_segment.</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct KvmSegment
{
    internal ulong Base;
    internal uint Limit;
    internal ushort Selector;
    internal byte Type, Present, Dpl, Db, S, L, G, Avl, Unusable, Padding;
}

/// <summary>struct kvm_dtable.</summary>
[StructLayout(LayoutKind.Sequential, Size = 16)]
internal struct KvmTable
{
    internal ulong Base;
    internal ushort Limit;
}

/// <summary>struct kvm_sregs2.</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct KvmSregs2
{
    internal KvmSegment Cs, Ds, Es, Fs, Gs, Ss, Tr, Ldt;
    internal KvmTable Gdt, Idt;
    internal ulong Cr0, Cr2, Cr3, Cr4, Cr8, Efer, ApicBase, Flags;
    internal ulong Pdptr0, Pdptr1, Pdptr2, Pdptr3;
}

/// <summary>struct kvm_userspace_memory_region.</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct KvmMemoryRegion
{
    internal uint Slot, Flags;
    internal ulong GuestAddress, Size, HostAddress;
}

/// <summary>struct kvm_enable_cap.</summary>
[StructLayout(LayoutKind.Sequential, Size = 104)]
internal struct KvmEnableCap
{
    internal uint Capability, Flags;
    internal ulong Argument;
}

/// <summary>struct kvm_pit_config.</summary>
[StructLayout(LayoutKind.Sequential, Size = 64)]
internal struct KvmPitConfig
{
    /// <summary>KVM_PIT_SPEAKER_DUMMY: port 0x61 is served too; guests calibrate their TSC through it.</summary>
    internal const uint Speaker = 1;

    internal uint Flags;
}

/// <summary>struct kvm_irq_level.</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct KvmIrqLevel
{
    internal uint Gsi, Level;
}

/// <summary>struct kvm_irq_routing_entry: to a pin (irqchip, pin), or to a message (address low, address high, data).</summary>
[StructLayout(LayoutKind.Sequential, Size = 48)]
internal struct KvmIrqRoute
{
    /// <summary>KVM_IRQ_ROUTING_IRQCHIP.</summary>
    internal const uint ToIrqchip = 1;

    /// <summary>KVM_IRQ_ROUTING_MSI.</summary>
    internal const uint ToMessage = 2;

    internal uint Gsi, Type, Flags, Padding;
    internal uint First, Second, Third;
}

/// <summary>struct kvm_irqfd.</summary>
[StructLayout(LayoutKind.Sequential, Size = 32)]
internal struct KvmIrqFd
{
    /// <summary>KVM_IRQFD_FLAG_DEASSIGN.</summary>
    internal const uint Deassign = 1;

    internal uint EventFd, Gsi, Flags;
}

/// <summary>struct kvm_ioeventfd.</summary>
[StructLayout(LayoutKind.Sequential, Size = 64)]
internal struct KvmIoEventFd
{
    /// <summary>KVM_IOEVENTFD_FLAG_DATAMATCH.</summary>
    internal const uint DataMatch = 1;

    /// <summary>KVM_IOEVENTFD_FLAG_DEASSIGN.</summary>
    internal const uint Deassign = 4;

    internal ulong DataToMatch, Address;
    internal uint Length;
    internal int EventFd;
    internal uint Flags;
}

/// <summary>struct kvm_clock_data.</summary>
[StructLayout(LayoutKind.Sequential, Size = 48)]
internal struct KvmClockData
{
    /// <summary>KVM_CLOCK_HOST_TSC: <see cref="HostTsc"/> is the host's TSC at the instant of <see cref="Clock"/>.</summary>
    internal const uint HasHostTsc = 8;

    internal ulong Clock;
    internal uint Flags, Padding;
    internal ulong Realtime, HostTsc;
}

/// <summary>struct kvm_device_attr.</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct KvmDeviceAttribute
{
    internal uint Flags, Group;
    internal ulong Attribute, Address;
}

/// <summary>struct kvm_msr_entry.</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct KvmMsr
{
    internal uint Index, Reserved;
    internal ulong Value;
}

/// <summary>struct kvm_cpuid_entry2.</summary>
[StructLayout(LayoutKind.Sequential, Size = 40)]
internal struct KvmCpuidEntry
{
    /// <summary>KVM_CPUID_FLAG_SIGNIFCANT_INDEX: ECX selects among entries of the same function.</summary>
    internal const uint SignificantIndex = 1;

    internal uint Function, Index, Flags, Eax, Ebx, Ecx, Edx;
}

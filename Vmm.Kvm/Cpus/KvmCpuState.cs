// A vCPU's state, as KVM hands it out and takes it back.
//
// The kernel's structures travel as they are: both processes of a handover speak to the same kernel, and its layouts are ABI.
// Model-specific registers are pairs of index and value, as many as this KVM has, so that a KVM which lacks one can name it.
// What most guests do not have is in subsections: vector state beyond the first page, a nested guest, a vCPU that is down or
// waits at a busy port.

using System.Runtime.InteropServices;
using Vmm.Core.State;
using Vmm.Kvm.Native;

namespace Vmm.Kvm.Cpus;

/// <summary>All of a vCPU that is not in guest memory.</summary>
internal sealed class KvmCpuState
{
    internal const int MsrCapacity = 512;
    internal const int XsaveSize = 4096;
    internal const int XsaveExtraCapacity = 12288;
    internal const int NestedCapacity = 128 + 8192;
    internal const int EventsSize = 64;
    internal const int SregsSize = 320;
    internal const int XcrsSize = 392;
    internal const int DebugRegsSize = 128;
    internal const int LapicSize = 1024;
    private const int RegsSize = 144;
    private const int MsrSize = 16;
    private const int WidestAccess = 4;

    internal static readonly StateLayout<KvmCpuState> Layout = new("cpu", version: 1)
    {
        { "mp_state", s => ref s.MpState },
        { "vcpu_events", s => s.Events, EventsSize },
        { "regs", s => s.RegsBytes, RegsSize },
        { "sregs2", s => s.SregsBytes, SregsSize },
        { "xcrs", s => s.Xcrs, XcrsSize },
        { "xsave", s => s.Xsave.AsSpan(0, XsaveSize), XsaveSize },
        { "debugregs", s => s.DebugRegs, DebugRegsSize },
        { "lapic", s => s.Lapic, LapicSize },
        { "tsc_offset_known", s => ref s.TscOffsetKnown },
        { "tsc_offset", s => ref s.TscOffset },
        { "tsc_read_at", s => ref s.TscReadAt },
        { "msr_count", s => ref s.MsrCount },
        { "msrs", s => s.MsrBytes, MsrCapacity * MsrSize },
        { XsaveExtra, s => s.XsaveExtraSize != 0 },
        { Nested, s => s.NestedSize != 0 },
        { Down, s => s.IsDown },
        { AtBusyPort, s => s.WaitSize != 0 },
    };

    /// <summary>struct kvm_vcpu_events: what is being injected or pends.</summary>
    internal readonly byte[] Events = new byte[EventsSize];

    /// <summary>struct kvm_regs: the general registers.</summary>
    internal readonly byte[] RegsBytes = new byte[RegsSize];

    /// <summary>struct kvm_sregs2: segments, control registers and the APIC's base.</summary>
    internal readonly byte[] SregsBytes = new byte[SregsSize];

    /// <summary>struct kvm_xcrs.</summary>
    internal readonly byte[] Xcrs = new byte[XcrsSize];

    /// <summary>struct kvm_xsave with room for what dynamic features add.</summary>
    internal readonly byte[] Xsave = new byte[XsaveSize + XsaveExtraCapacity];

    /// <summary>struct kvm_debugregs.</summary>
    internal readonly byte[] DebugRegs = new byte[DebugRegsSize];

    /// <summary>The local APIC's registers.</summary>
    internal readonly byte[] Lapic = new byte[LapicSize];

    /// <summary>Model-specific registers, as many as there is room for; see <see cref="Msrs"/>.</summary>
    internal readonly byte[] MsrBytes = new byte[MsrCapacity * MsrSize];

    /// <summary>struct kvm_nested_state.</summary>
    internal readonly byte[] NestedState = new byte[NestedCapacity];

    /// <summary>Whether the vCPU runs, waits for an interrupt or waits for a start-up IPI.</summary>
    internal uint MpState;

    /// <summary>Whether <see cref="TscOffset"/> holds.</summary>
    internal bool TscOffsetKnown;

    /// <summary>The guest's TSC minus the host's.</summary>
    internal ulong TscOffset;

    /// <summary>Whether the TSC continues from the value that was read, however long ago that was. Not a part of the state: said of one that was loaded.</summary>
    internal bool TscStoodStill;

    /// <summary>When IA32_TSC was read, on the host's raw monotonic clock in nanoseconds.</summary>
    internal ulong TscReadAt;

    /// <summary>How many of <see cref="Msrs"/> hold.</summary>
    internal uint MsrCount;

    /// <summary>Bytes of <see cref="Xsave"/> beyond the first page.</summary>
    internal uint XsaveExtraSize;

    /// <summary>Bytes of <see cref="NestedState"/>; 0 where the guest has no nested virtualization.</summary>
    internal uint NestedSize;

    /// <summary>Whether the vCPU shut down or failed and waits for a reset.</summary>
    internal bool IsDown;

    /// <summary>The busy port that the vCPU wrote to and waits at.</summary>
    internal ushort WaitPort;

    /// <summary>How many bytes wide that write was; 0 when the vCPU waits at no port.</summary>
    internal byte WaitSize;

    /// <summary>The general registers.</summary>
    internal ref KvmRegs Regs => ref MemoryMarshal.AsRef<KvmRegs>(RegsBytes.AsSpan());

    /// <summary>Segments, control registers and the APIC's base.</summary>
    internal ref KvmSregs2 Sregs => ref MemoryMarshal.AsRef<KvmSregs2>(SregsBytes.AsSpan());

    /// <summary>Model-specific registers, those that hold.</summary>
    internal Span<KvmMsr> Msrs => MemoryMarshal.Cast<byte, KvmMsr>(MsrBytes.AsSpan())[..(int)MsrCount];

    private static StateLayout<KvmCpuState> XsaveExtra => new("cpu/xsave_extra", version: 1)
    {
        { "xsave_extra_size", s => ref s.XsaveExtraSize },
        { "xsave_extra", s => s.Xsave.AsSpan(XsaveSize), XsaveExtraCapacity },
    };

    private static StateLayout<KvmCpuState> Nested => new("cpu/nested", version: 1)
    {
        { "nested_size", s => ref s.NestedSize },
        { "nested_state", s => s.NestedState, NestedCapacity },
    };

    private static StateLayout<KvmCpuState> Down => new("cpu/down", version: 1)
    {
        { "is_down", s => ref s.IsDown },
    };

    private static StateLayout<KvmCpuState> AtBusyPort => new("cpu/wait", version: 1)
    {
        { "wait_port", s => ref s.WaitPort },
        { "wait_size", s => ref s.WaitSize },
    };

    /// <summary>Forgets what a record without subsections would leave behind.</summary>
    internal void ClearSubsections() =>
        (XsaveExtraSize, NestedSize, IsDown, WaitPort, WaitSize) = (0, 0, false, 0, 0);

    /// <summary>Refuses counts that point beyond the buffers.</summary>
    /// <exception cref="StateException">A count is too big.</exception>
    internal void Check()
    {
        Limit("msr_count", MsrCount, MsrCapacity);
        Limit("xsave_extra_size", XsaveExtraSize, XsaveExtraCapacity);
        Limit("nested_size", NestedSize, NestedCapacity);
        Limit("wait_size", WaitSize, WidestAccess);
    }

    /// <summary>Makes this a copy of another record.</summary>
    internal void CopyFrom(KvmCpuState other)
    {
        var writer = new StateWriter();
        writer.Write(Layout, other);
        ClearSubsections();
        new StateReader(writer.WrittenMemory).Read(Layout, this);
    }

    private static void Limit(string field, uint value, uint most)
    {
        if (value > most)
        {
            throw new StateException($"cpu.{field}: at most {most} expected, {value} found");
        }
    }
}

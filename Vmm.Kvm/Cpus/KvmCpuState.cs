// A vCPU's state, as KVM hands it out and takes it back.
//
// The kernel's structures travel as they are: both processes of a handover speak to the same kernel, and its layouts are ABI.
// Model-specific registers are pairs of index and value, as many as this KVM has, so that a KVM which lacks one can name it.
// What most guests do not have stands in subsections: vector state beyond the first page, a nested guest, a vCPU that is down or
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
    private const int MsrSize = 16;
    private const int WidestAccess = 4;

    internal static readonly StateLayout<KvmCpuState> Layout = new("cpu", version: 1)
    {
        { "mp_state", s => ref s._mpState },
        { "vcpu_events", s => s.Events, 64 },
        { "regs", s => s.RegsBytes, 144 },
        { "sregs2", s => s.SregsBytes, 320 },
        { "xcrs", s => s.Xcrs, 392 },
        { "xsave", s => s.XsaveBytes, XsaveSize },
        { "debugregs", s => s.DebugRegs, 128 },
        { "lapic", s => s.Lapic, 1024 },
        { "tsc_offset_known", s => ref s._tscOffsetKnown },
        { "tsc_offset", s => ref s._tscOffset },
        { "tsc_read_at", s => ref s._tscReadAt },
        { "msr_count", s => ref s._msrCount },
        { "msrs", s => s.MsrBytes, MsrCapacity * MsrSize },
        { XsaveExtra, s => s._xsaveExtraSize != 0 },
        { Nested, s => s._nestedSize != 0 },
        { Down, s => s._isDown },
        { AtBusyPort, s => s._waitSize != 0 },
    };

    private readonly byte[] _events = new byte[64];
    private readonly byte[] _regs = new byte[144];
    private readonly byte[] _sregs = new byte[320];
    private readonly byte[] _xcrs = new byte[392];
    private readonly byte[] _xsave = new byte[XsaveSize + XsaveExtraCapacity];
    private readonly byte[] _debugRegs = new byte[128];
    private readonly byte[] _lapic = new byte[1024];
    private readonly byte[] _msrs = new byte[MsrCapacity * MsrSize];
    private readonly byte[] _nested = new byte[NestedCapacity];
    private uint _mpState;
    private bool _tscOffsetKnown;
    private ulong _tscOffset;
    private ulong _tscReadAt;
    private uint _msrCount;
    private uint _xsaveExtraSize;
    private uint _nestedSize;
    private bool _isDown;
    private ushort _waitPort;
    private byte _waitSize;

    /// <summary>Whether the vCPU runs, waits for an interrupt or waits for a start-up IPI.</summary>
    internal ref uint MpState => ref _mpState;

    /// <summary>struct kvm_vcpu_events: what is being injected or pends.</summary>
    internal Span<byte> Events => _events;

    /// <summary>The general registers.</summary>
    internal ref KvmRegs Regs => ref MemoryMarshal.AsRef<KvmRegs>(_regs.AsSpan());

    /// <summary>The general registers as bytes.</summary>
    internal Span<byte> RegsBytes => _regs;

    /// <summary>Segments, control registers and the APIC's base.</summary>
    internal ref KvmSregs2 Sregs => ref MemoryMarshal.AsRef<KvmSregs2>(_sregs.AsSpan());

    /// <summary>Segments, control registers and the APIC's base as bytes.</summary>
    internal Span<byte> SregsBytes => _sregs;

    /// <summary>struct kvm_xcrs.</summary>
    internal Span<byte> Xcrs => _xcrs;

    /// <summary>struct kvm_xsave with room for what dynamic features add.</summary>
    internal Span<byte> Xsave => _xsave;

    /// <summary>struct kvm_debugregs.</summary>
    internal Span<byte> DebugRegs => _debugRegs;

    /// <summary>The local APIC's registers.</summary>
    internal Span<byte> Lapic => _lapic;

    /// <summary>Whether <see cref="TscOffset"/> holds.</summary>
    internal ref bool TscOffsetKnown => ref _tscOffsetKnown;

    /// <summary>The guest's TSC minus the host's.</summary>
    internal ref ulong TscOffset => ref _tscOffset;

    /// <summary>When IA32_TSC was read, on the host's raw monotonic clock in nanoseconds.</summary>
    internal ref ulong TscReadAt => ref _tscReadAt;

    /// <summary>How many of <see cref="Msrs"/> hold.</summary>
    internal ref uint MsrCount => ref _msrCount;

    /// <summary>Model-specific registers, those that hold.</summary>
    internal Span<KvmMsr> Msrs => MemoryMarshal.Cast<byte, KvmMsr>(_msrs.AsSpan())[..(int)_msrCount];

    /// <summary>Bytes of <see cref="Xsave"/> beyond the first page.</summary>
    internal ref uint XsaveExtraSize => ref _xsaveExtraSize;

    /// <summary>struct kvm_nested_state.</summary>
    internal Span<byte> NestedState => _nested;

    /// <summary>Bytes of <see cref="NestedState"/>; 0 where the guest has no nested virtualization.</summary>
    internal ref uint NestedSize => ref _nestedSize;

    /// <summary>Whether the vCPU shut down or failed and waits for a reset.</summary>
    internal ref bool IsDown => ref _isDown;

    /// <summary>The busy port that the vCPU wrote to and waits at.</summary>
    internal ref ushort WaitPort => ref _waitPort;

    /// <summary>How many bytes wide that write was; 0 when the vCPU waits at no port.</summary>
    internal ref byte WaitSize => ref _waitSize;

    private static StateLayout<KvmCpuState> XsaveExtra => new("cpu/xsave_extra", version: 1)
    {
        { "xsave_extra_size", s => ref s._xsaveExtraSize },
        { "xsave_extra", s => s._xsave.AsSpan(XsaveSize), XsaveExtraCapacity },
    };

    private static StateLayout<KvmCpuState> Nested => new("cpu/nested", version: 1)
    {
        { "nested_size", s => ref s._nestedSize },
        { "nested_state", s => s.NestedState, NestedCapacity },
    };

    private static StateLayout<KvmCpuState> Down => new("cpu/down", version: 1)
    {
        { "is_down", s => ref s._isDown },
    };

    private static StateLayout<KvmCpuState> AtBusyPort => new("cpu/wait", version: 1)
    {
        { "wait_port", s => ref s._waitPort },
        { "wait_size", s => ref s._waitSize },
    };

    private Span<byte> XsaveBytes => _xsave.AsSpan(0, XsaveSize);

    private Span<byte> MsrBytes => _msrs;

    /// <summary>Forgets what a record without subsections would leave behind.</summary>
    internal void ClearSubsections() =>
        (_xsaveExtraSize, _nestedSize, _isDown, _waitPort, _waitSize) = (0, 0, false, 0, 0);

    /// <summary>Refuses counts that point beyond the buffers.</summary>
    /// <exception cref="StateException">A count is too big.</exception>
    internal void Check()
    {
        Limit("msr_count", _msrCount, MsrCapacity);
        Limit("xsave_extra_size", _xsaveExtraSize, XsaveExtraCapacity);
        Limit("nested_size", _nestedSize, NestedCapacity);
        Limit("wait_size", _waitSize, WidestAccess);
    }

    /// <summary>Makes this a copy of another record.</summary>
    internal void CopyFrom(KvmCpuState other)
    {
        other._events.CopyTo(_events, 0);
        other._regs.CopyTo(_regs, 0);
        other._sregs.CopyTo(_sregs, 0);
        other._xcrs.CopyTo(_xcrs, 0);
        other._xsave.CopyTo(_xsave, 0);
        other._debugRegs.CopyTo(_debugRegs, 0);
        other._lapic.CopyTo(_lapic, 0);
        other._msrs.CopyTo(_msrs, 0);
        other._nested.CopyTo(_nested, 0);
        (_mpState, _tscOffsetKnown, _tscOffset, _tscReadAt) = (other._mpState, other._tscOffsetKnown, other._tscOffset, other._tscReadAt);
        (_msrCount, _xsaveExtraSize, _nestedSize, _isDown) = (other._msrCount, other._xsaveExtraSize, other._nestedSize, other._isDown);
        (_waitPort, _waitSize) = (other._waitPort, other._waitSize);
    }

    private static void Limit(string field, uint value, uint most)
    {
        if (value > most)
        {
            throw new StateException($"cpu.{field}: at most {most} expected, {value} found");
        }
    }
}

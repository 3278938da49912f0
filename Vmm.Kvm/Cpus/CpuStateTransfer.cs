// A vCPU's state on its way out of KVM and back in. KVM prescribes the orders.
//
// Out: reading MP_STATE lets KVM act on a pending INIT or start-up IPI, so it comes first; then events, before something else
// could change them. In: the APIC base (in SREGS) before the APIC; the APIC's timer mode and the TSC before the TSC deadline, which
// KVM would drop or misjudge otherwise; registers before events, because writing RIP forgets a pending exception; MP_STATE last.
//
// What KVM is known to hold (HeldState) is not pushed again.
//
// The TSC travels as the guest's offset from the host's, which costs no error; where KVM does not take it, as a value moved on
// by the time that has passed, or, of a guest that comes from a saved stream, just as it was. The deadline's arming needs it, so it comes between the APIC and the MSRs.

using System.Runtime.InteropServices;
using Vmm.Core.State;
using Vmm.Kvm.Clocks;
using Vmm.Kvm.Native;

namespace Vmm.Kvm.Cpus;

/// <summary>Reads and writes one vCPU's state.</summary>
internal sealed class CpuStateTransfer(KvmFile cpu, MsrList list, int xsaveSize, bool hasNested, uint tscKhz)
{
    private readonly MsrBuffer _buffer = new();
    private readonly KvmMsr[] _ordered = new KvmMsr[KvmCpuState.MsrCapacity];
    private readonly TscOffset _tscOffset = new(cpu);
    private readonly HeldState _held = new(xsaveSize);

    /// <summary>Called when the TSC had to be carried by value, with what the offset was and what KVM read back.</summary>
    internal Action<ulong, ulong?>? TscCarriedByValue { get; init; }

    /// <summary>The vCPU is about to run: what was pushed may not be what it has afterwards.</summary>
    internal void BeforeRun() => _held.Forget();

    /// <summary>Reads the state. Allocates nothing.</summary>
    internal void Capture(KvmCpuState state)
    {
        _held.Forget();
        cpu.Call(KvmRequest.GetMpState, ref state.MpState);
        cpu.Call(KvmRequest.GetVcpuEvents, state.Events);
        cpu.Call(KvmRequest.GetRegs, state.RegsBytes);
        cpu.Call(KvmRequest.GetSregs2, state.SregsBytes);
        cpu.Call(KvmRequest.GetXcrs, state.Xcrs);
        cpu.Call(KvmRequest.GetXsave2, state.Xsave);
        state.XsaveExtraSize = (uint)(xsaveSize - KvmCpuState.XsaveSize);
        cpu.Call(KvmRequest.GetDebugRegs, state.DebugRegs);
        cpu.Call(KvmRequest.GetLapic, state.Lapic);
        state.TscOffsetKnown = _tscOffset.TryGet(out state.TscOffset);
        CaptureMsrs(state);
        state.NestedSize = hasNested ? CaptureNested(state.NestedState) : 0;
    }

    /// <summary>Writes the state.</summary>
    /// <exception cref="StateException">KVM refused a part; the message names it.</exception>
    internal void Apply(KvmCpuState state, bool withTsc)
    {
        if (state.XsaveExtraSize > xsaveSize - KvmCpuState.XsaveSize)
        {
            throw new StateException(
                $"vector state of {KvmCpuState.XsaveSize + state.XsaveExtraSize} bytes; this KVM holds {xsaveSize}");
        }

        bool hasXcrs = _held.HasXcrs(state);
        bool hasXsave = _held.HasXsave(state);
        bool hasDebugRegs = _held.HasDebugRegs(state);
        int msrs = OrderMsrs(state);

        // Until all of it is there.
        _held.Forget();
        cpu.Call(KvmRequest.SetSregs2, state.SregsBytes);
        if (!hasXcrs)
        {
            cpu.Call(KvmRequest.SetXcrs, state.Xcrs);
        }

        if (!hasXsave)
        {
            cpu.Call(KvmRequest.SetXsave, state.Xsave);
        }

        cpu.Call(KvmRequest.SetLapic, state.Lapic);
        if (withTsc)
        {
            ApplyTsc(state);
        }

        ApplyMsrs(_ordered.AsSpan(0, msrs));
        if (state.NestedSize != 0)
        {
            ApplyNested(state);
        }

        cpu.Call(KvmRequest.SetRegs, state.RegsBytes);
        if (!hasDebugRegs)
        {
            cpu.Call(KvmRequest.SetDebugRegs, state.DebugRegs);
        }

        cpu.Call(KvmRequest.SetVcpuEvents, state.Events);
        cpu.Call(KvmRequest.SetMpState, ref state.MpState);
        _held.Remember(state);
    }

    private void CaptureMsrs(KvmCpuState state)
    {
        state.MsrCount = (uint)list.AtPowerOn.Length;
        var msrs = state.Msrs;
        list.AtPowerOn.CopyTo(msrs);
        state.TscReadAt = HostClock.RawNanoseconds;
        int count = _buffer.Read(cpu, msrs);
        if (count != msrs.Length)
        {
            throw new StateException($"KVM refused to read MSR 0x{msrs[count].Index:x}, which it let read at power-on");
        }
    }

    private uint CaptureNested(Span<byte> nested)
    {
        nested.Clear();
        MemoryMarshal.Write(nested[4..], (uint)nested.Length);
        cpu.Call(KvmRequest.GetNestedState, nested);
        return MemoryMarshal.Read<uint>(nested[4..]);
    }

    private void ApplyNested(KvmCpuState state)
    {
        if (!hasNested)
        {
            throw new StateException("the guest has nested virtualization, this KVM does not offer it");
        }

        if (MemoryMarshal.Read<uint>(state.NestedState.AsSpan(4)) != state.NestedSize)
        {
            throw new StateException($"cpu.nested_state: its own size differs from nested_size {state.NestedSize}");
        }

        cpu.Call(KvmRequest.SetNestedState, state.NestedState);
    }

    private void ApplyTsc(KvmCpuState state)
    {
        ulong? readBack = null;
        if (!state.TscStoodStill && state.TscOffsetKnown && _tscOffset.TrySet(state.TscOffset, out readBack))
        {
            return;
        }

        foreach (ref readonly var msr in state.Msrs)
        {
            if (msr.Index != MsrList.Tsc)
            {
                continue;
            }

            ulong elapsed = state.TscStoodStill ? 0 : HostClock.RawNanoseconds - state.TscReadAt;
            var now = msr with { Value = msr.Value + (ulong)((UInt128)elapsed * tscKhz / 1_000_000) };
            if (_buffer.Write(cpu, new ReadOnlySpan<KvmMsr>(in now)) != 1)
            {
                throw new StateException("KVM takes neither the TSC's offset nor its value");
            }

            if (!state.TscStoodStill)
            {
                TscCarriedByValue?.Invoke(state.TscOffset, readBack);
            }

            return;
        }

        throw new StateException("the state holds neither an offset of the TSC that KVM takes nor its value");
    }

    /// <summary>Puts the registers that are to be pushed into their order.</summary>
    /// <returns>How many those are.</returns>
    private int OrderMsrs(KvmCpuState state)
    {
        int count = 0;
        KvmMsr? deadline = null;
        var msrs = state.Msrs;
        for (int i = 0; i < msrs.Length; i++)
        {
            ref readonly var msr = ref msrs[i];
            if (MsrList.IsPlain(msr.Index))
            {
                if (!_held.HasMsr(i, msr))
                {
                    _ordered[count++] = msr;
                }
            }
            else if (msr.Index == MsrList.TscDeadline)
            {
                deadline = msr;
            }
        }

        if (deadline is { } last)
        {
            _ordered[count++] = last;
        }

        return count;
    }

    private void ApplyMsrs(ReadOnlySpan<KvmMsr> msrs)
    {
        for (var rest = msrs; rest.Length > 0;)
        {
            int taken = _buffer.Write(cpu, rest);
            if (taken == rest.Length)
            {
                return;
            }

            ref readonly var refused = ref rest[taken];
            if (refused.Value != list.ValueAtPowerOn(refused.Index))
            {
                throw new StateException(
                    $"KVM refused MSR 0x{refused.Index:x} = 0x{refused.Value:x} (at power-on it holds 0x{list.ValueAtPowerOn(refused.Index):x})");
            }

            rest = rest[(taken + 1)..];
        }
    }
}

// The form of a vCPU in a saved file: QEMU's sections "cpu_common", "cpu" and "apic", and "vmm-cpu" with the rest.
//
//     KvmCpuState  -- Fill -->  fields of the three, named and meant as in QEMU;  what they do not hold --> vmm-cpu
//     KvmCpuState  <-- Take --  the rest, and laid onto it the fields
//
// So a field that a tool has changed in a file is what the guest continues with, and a vCPU that was only saved and loaded is, to the bit, what it was.

using System.Runtime.InteropServices;
using Vmm.Core.State;
using Vmm.Kvm.Native;

namespace Vmm.Kvm.Cpus.Saved;

/// <summary>A vCPU's sections of a saved file.</summary>
internal sealed class CpuSavedForm : SavedForm<KvmCpuState>
{
    private readonly SavedCpuModel _model;
    private readonly KvmCpuState _state;
    private readonly SavedCpuCommon _common = new();
    private readonly SavedCpu _cpu = new();
    private readonly SavedApic _apic = new();
    private readonly SavedCpuRest _rest = new();

    internal CpuSavedForm(IStateful cpu, int instance, SavedCpuModel model)
        : this(cpu, instance, model, new KvmCpuState())
    {
    }

    private CpuSavedForm(IStateful cpu, int instance, SavedCpuModel model, KvmCpuState state)
        : base(cpu, KvmCpuState.Layout, state)
    {
        _model = model;
        _state = state;
        Parts =
        [
            new SavedPart<SavedCpuCommon>("cpu_common", instance, SavedCpuCommon.Layout, _common),
            new SavedPart<SavedCpu>("cpu", instance, SavedCpuLayout.Layout, _cpu),
            new SavedPart<SavedApic>("apic", instance, SavedApic.Layout, _apic),
            new SavedPart<SavedCpuRest>("vmm-cpu", instance, SavedCpuRest.Layout, _rest),
        ];
    }

    /// <summary>The layouts of the parts.</summary>
    internal static IReadOnlyList<StateLayout> Layouts { get; } =
        [SavedCpuCommon.Layout, SavedCpuLayout.Layout, SavedApic.Layout, SavedCpuRest.Layout];

    /// <inheritdoc/>
    public override IReadOnlyList<SavedPart> Parts { get; }

    /// <inheritdoc/>
    public override void Capture()
    {
        _state.ClearSubsections();
        base.Capture();
    }

    /// <inheritdoc/>
    protected override void Fill(KvmCpuState own)
    {
        ArgumentNullException.ThrowIfNull(own);
        var events = MemoryMarshal.Read<KvmVcpuEvents>(own.Events);
        CpuRegisters.Fill(_cpu, own.Regs);
        CpuRegisters.Fill(_cpu, _apic, own.Sregs);
        CpuRegisters.Fill(_cpu, MemoryMarshal.Read<KvmDebugRegs>(own.DebugRegs));
        CpuRegisters.Fill(_cpu, MemoryMarshal.Read<KvmXcrs>(own.Xcrs));
        HiddenFlags.Fill(_cpu, own.Sregs, events, own.NestedSize != 0 ? MemoryMarshal.Read<KvmNestedHead>(own.NestedState) : default);
        CpuEvents.Fill(_cpu, events);
        _common.Fill(own.MpState, events);
        _cpu.MpState = own.MpState;
        CpuVectors.Fill(_cpu, own.Xsave, _model);
        _apic.Fill(own.Lapic);
        _cpu.TscKhz = _model.TscKhz;
        _cpu.McgCap = MsrList.MachineCheckCapability;
        var target = CpuEvents.TargetOf(_cpu, events);
        if (target == PayloadTarget.Cr2)
        {
            _cpu.Cr2 = events.Payload;
        }
        else if (target == PayloadTarget.Dr6)
        {
            _cpu.Dr[6] = events.Payload;
        }

        FillRest(own, target);
    }

    /// <inheritdoc/>
    protected override void Take(KvmCpuState own)
    {
        ArgumentNullException.ThrowIfNull(own);
        HeldBits.Join(_rest.Kvm.Events, own.Events, CpuEvents.Lay(_cpu, _common));
        ref var events = ref MemoryMarshal.AsRef<KvmVcpuEvents>(own.Events.AsSpan());
        CpuEvents.Complete(_cpu, ref events);
        var target = CpuEvents.TargetOf(_cpu, events);
        CpuRegisters.Take(_cpu, ref own.Regs);
        HeldBits.Join(_rest.Kvm.SregsBytes, own.SregsBytes, CpuRegisters.LaySregs(_cpu, _apic, CpuRegisters.HasPdptrs(_rest.Kvm.Sregs), target));
        HeldBits.Join(_rest.Kvm.DebugRegs, own.DebugRegs, CpuRegisters.LayDebug(_cpu, target));
        HeldBits.Join(_rest.Kvm.Xcrs, own.Xcrs, CpuRegisters.LayXcrs(_cpu, CpuRegisters.FindXcr0(MemoryMarshal.Read<KvmXcrs>(_rest.Kvm.Xcrs))));
        HeldBits.Join(_rest.Kvm.Xsave, own.Xsave, CpuVectors.Lay(_cpu, _model));
        HeldBits.Join(_rest.Kvm.Lapic, own.Lapic, _apic.Lay);
        own.MpState = _cpu.MpState;
        (own.TscOffsetKnown, own.TscOffset, own.TscReadAt) = (false, 0, 0);
        own.MsrBytes.AsSpan().Clear();
        own.MsrCount = _rest.Kvm.MsrCount;
        CpuMsrs.Take(_cpu, _rest.Msrs, own.Msrs, _model.PhysicalBits);
        CopyOthers(_rest.Kvm, own);
    }

    private void FillRest(KvmCpuState own, PayloadTarget target)
    {
        HeldBits.CopyRest(own.Events, _rest.Kvm.Events, CpuEvents.Lay(_cpu, _common));
        HeldBits.CopyRest(own.SregsBytes, _rest.Kvm.SregsBytes, CpuRegisters.LaySregs(_cpu, _apic, _cpu.HasPdptrs, target));
        HeldBits.CopyRest(own.DebugRegs, _rest.Kvm.DebugRegs, CpuRegisters.LayDebug(_cpu, target));
        HeldBits.CopyRest(own.Xcrs, _rest.Kvm.Xcrs, CpuRegisters.LayXcrs(_cpu, CpuRegisters.FindXcr0(MemoryMarshal.Read<KvmXcrs>(own.Xcrs))));
        HeldBits.CopyRest(own.Xsave, _rest.Kvm.Xsave, CpuVectors.Lay(_cpu, _model));
        HeldBits.CopyRest(own.Lapic, _rest.Kvm.Lapic, _apic.Lay);
        _rest.Msrs = CpuMsrs.Fill(_cpu, own.Msrs, _model.PhysicalBits);
        _rest.Kvm.MsrCount = own.MsrCount;
        CopyOthers(own, _rest.Kvm);
    }

    private static void CopyOthers(KvmCpuState from, KvmCpuState to)
    {
        from.NestedState.CopyTo(to.NestedState, 0);
        (to.XsaveExtraSize, to.NestedSize) = (from.XsaveExtraSize, from.NestedSize);
        (to.IsDown, to.WaitPort, to.WaitSize) = (from.IsDown, from.WaitPort, from.WaitSize);
    }
}

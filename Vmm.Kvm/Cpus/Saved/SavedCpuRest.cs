// The section "vmm-cpu": exactly what QEMU's three sections of a vCPU have no place for.
//
// KVM's structures are in it as they are, with zeros where one of the three has the bits (HeldBits): the flags that say what is valid, registers
// that the APIC's page has and QEMU computes, components of the vector state without a subsection. It is of one kernel ABI, as those
// structures are. What is the host's and not the guest's is not in it: the TSC's offset, and when it was read. A vCPU that comes from a file continues with
// the value of its TSC.

using Vmm.Core.State;

namespace Vmm.Kvm.Cpus.Saved;

/// <summary>The rest of a vCPU.</summary>
internal sealed class SavedCpuRest
{
    internal static readonly StateLayout<SavedCpuRest> Layout = new("vmm-cpu", version: 1)
    {
        { "vcpu_events", s => s.Kvm.Events, KvmCpuState.EventsSize },
        { "sregs2", s => s.Kvm.SregsBytes, KvmCpuState.SregsSize },
        { "xcrs", s => s.Kvm.Xcrs, KvmCpuState.XcrsSize },
        { "debugregs", s => s.Kvm.DebugRegs, KvmCpuState.DebugRegsSize },
        { "lapic", s => s.Kvm.Lapic, KvmCpuState.LapicSize },
        { "xsave", s => s.Kvm.Xsave.AsSpan(0, KvmCpuState.XsaveSize), KvmCpuState.XsaveSize },
        { "xsave_extra_size", s => ref s.Kvm.XsaveExtraSize },
        { "xsave_extra", s => s.Kvm.Xsave.AsSpan(KvmCpuState.XsaveSize), "xsave_extra_size", KvmCpuState.XsaveExtraCapacity },
        { "msr_count", s => ref s.Kvm.MsrCount },
        { "msrs", s => ref s.Msrs, SavedMsr.Layout, "msr_count", KvmCpuState.MsrCapacity },
        { "nested_size", s => ref s.Kvm.NestedSize },
        { "nested_state", s => s.Kvm.NestedState, "nested_size", KvmCpuState.NestedCapacity },
        { "is_down", s => ref s.Kvm.IsDown },
        { "wait_port", s => ref s.Kvm.WaitPort },
        { "wait_size", s => ref s.Kvm.WaitSize },
    };

    /// <summary>KVM's structures without what the other sections have. Its own registers are not used, nor those of the table below.</summary>
    internal readonly KvmCpuState Kvm = new();

    /// <summary>The model-specific registers, in KVM's order.</summary>
    internal SavedMsr[] Msrs = [];
}

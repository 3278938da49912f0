using Vmm.Core.State;
using Vmm.Kvm.Native;

namespace Vmm.Kvm.Cpus.Saved;

/// <summary>The section "cpu_common": what QEMU keeps of a vCPU of any architecture.</summary>
internal sealed class SavedCpuCommon
{
    /// <summary>A bit of <see cref="InterruptRequest"/>: a system management interrupt pends.</summary>
    private const uint SystemManagement = 0x40;

    /// <summary>A bit of <see cref="InterruptRequest"/>: an INIT pends.</summary>
    private const uint Init = 0x400;

    internal static readonly StateLayout<SavedCpuCommon> Layout = new("cpu_common", version: 1)
    {
        { "halted", s => ref s.Halted },
        { "interrupt_request", s => ref s.InterruptRequest },
    };

    /// <summary>Whether it waits for an interrupt. Where it is loaded, env.mp_state says that.</summary>
    internal uint Halted;

    internal uint InterruptRequest;

    internal void Fill(uint mpState, in KvmVcpuEvents events)
    {
        Halted = mpState == (uint)KvmMpState.Halted ? 1u : 0;
        InterruptRequest = ((events.SmiPending & 1) != 0 ? SystemManagement : 0) | ((events.LatchedInit & 1) != 0 ? Init : 0);
    }

    internal void Lay(ref KvmVcpuEvents events)
    {
        HeldBits.SetBit(ref events.SmiPending, (InterruptRequest & SystemManagement) != 0);
        HeldBits.SetBit(ref events.LatchedInit, (InterruptRequest & Init) != 0);
    }
}

using Vmm.Core.Configuration;

namespace Vmm.Core.Hypervisors;

/// <summary>The configuration of a VM.</summary>
public sealed record VirtualMachineOptions
{
    /// <summary>The vCPUs and how they are grouped.</summary>
    public required CpuTopology Topology { get; init; }

    /// <summary>The CPU model.</summary>
    public required CpuModel Cpu { get; init; }

    /// <summary>The <see cref="IVirtualMachine.GuestAbi"/> of the process that first booted the guest; empty on a first boot.</summary>
    public ReadOnlyMemory<byte> InheritedAbi { get; init; }

    /// <summary>Whether vCPU threads are named "CPU n/KVM" (QEMU's debug-threads=on).</summary>
    public bool NameThreads { get; init; } = true;
}

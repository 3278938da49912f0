// What the machine needs of a hypervisor, by subject: vCPUs that are stopped and started together, memory slots, interrupts, doorbells, the
// guest's clock, and the state of what lives in the kernel.

using System.Runtime.InteropServices;

namespace Vmm.Core.Hypervisors;

/// <summary>A virtual machine of a hypervisor.</summary>
public interface IVirtualMachine : IDisposable
{
    /// <summary>The vCPUs, by index.</summary>
    IVirtualCpus Cpus { get; }

    /// <summary>The guest's memory.</summary>
    IMemorySlots Memory { get; }

    /// <summary>Its interrupts.</summary>
    IInterrupts Interrupts { get; }

    /// <summary>Writes of the guest that signal an eventfd.</summary>
    IDoorbells Doorbells { get; }

    /// <summary>The devices that the hypervisor has inside.</summary>
    IKernelDevices KernelDevices { get; }

    /// <summary>The guest's paravirtual clock.</summary>
    IGuestClock Clock { get; }

    /// <summary>
    /// The guest ABI, set at the first boot and granted verbatim by every later process: CPUID table, enabled
    /// capabilities, TSC frequency. Opaque; handed to the next process's <see cref="VirtualMachineOptions.InheritedAbi"/>.
    /// </summary>
    ReadOnlyMemory<byte> GuestAbi { get; }

    /// <summary>
    /// What in this process stands for it, and is taken apart when the last copy is closed, which takes the host milliseconds; null where there is nothing such.
    /// It stays this one's.
    /// </summary>
    SafeHandle? Descriptor { get; }
}

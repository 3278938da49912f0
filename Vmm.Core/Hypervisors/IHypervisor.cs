namespace Vmm.Core.Hypervisors;

/// <summary>A hypervisor of the host.</summary>
public interface IHypervisor : IDisposable
{
    /// <summary>Its name as users spell it, such as "kvm".</summary>
    string Name { get; }

    /// <summary>Creates a VM with its interrupt controllers, PIT and vCPUs, everything stopped.</summary>
    /// <param name="options">Its configuration.</param>
    /// <param name="exits">Who answers the guest's accesses.</param>
    /// <exception cref="HypervisorException">The host refused; the message names what and why.</exception>
    IVirtualMachine CreateMachine(VirtualMachineOptions options, IExitHandler exits);
}

using Vmm.Core.State;

namespace Vmm.Core.Hypervisors;

/// <summary>In-kernel devices in the order in which they are saved and loaded: interrupt controllers, PIT, clock.</summary>
public interface IKernelDevices : IReadOnlyList<IStateful>
{
    /// <summary>Puts them into their power-on state. The vCPUs are stopped.</summary>
    /// <exception cref="HypervisorException">The host refused.</exception>
    void Reset();
}

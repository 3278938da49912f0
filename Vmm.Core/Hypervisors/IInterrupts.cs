using System.Runtime.InteropServices;
using Vmm.Core.Buses;

namespace Vmm.Core.Hypervisors;

/// <summary>The interrupts of a VM: wires into its interrupt controllers, and messages.</summary>
public interface IInterrupts
{
    /// <summary>The wire of a global system interrupt, 0 to 23.</summary>
    IInterruptLine Line(int gsi);

    /// <summary>Says where global system interrupts from 24 to 47 lead, all in one step. Any thread; allocates nothing.</summary>
    /// <param name="routes">The changes.</param>
    /// <exception cref="HypervisorException">The host refused, and nothing has changed.</exception>
    void Route(ReadOnlySpan<InterruptRoute> routes);

    /// <summary>Has the host raise a global system interrupt whenever an eventfd is signalled; no thread of this process is needed.</summary>
    /// <param name="gsi">Which.</param>
    /// <param name="eventFd">The eventfd; closed only after what is returned is disposed.</param>
    /// <exception cref="HypervisorException">The host refused.</exception>
    IDisposable Bind(int gsi, SafeHandle eventFd);
}

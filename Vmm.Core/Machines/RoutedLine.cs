// A line that leads to an input of the second I/O APIC. It is edge-triggered: what counts is that it rises.
//
// Rising while the interrupt is routed signals the eventfd that the hypervisor raises the interrupt for. Rising while it is masked is
// remembered by the level alone, and found there when the interrupt is routed. Either side writes its own word before it reads the other's,
// with a full barrier between, so one of them sees both; if both do, the guest gets an interrupt more, which an edge-triggered one may.

using System.Runtime.InteropServices;
using Vmm.Core.Buses;
using Vmm.Core.Native;

namespace Vmm.Core.Machines;

/// <summary>A line whose interrupt is a message. Any thread; allocates nothing.</summary>
/// <param name="eventFd">What is signalled when the line rises.</param>
/// <param name="binding">Its connection with the interrupt.</param>
internal sealed class RoutedLine(SafeHandle eventFd, IDisposable binding) : IInterruptLine, IDisposable
{
    private int _level;
    private int _isRouted;

    /// <inheritdoc/>
    public void Set(bool level)
    {
        bool wasHigh = Interlocked.Exchange(ref _level, level ? 1 : 0) != 0;
        if (level && !wasHigh && Volatile.Read(ref _isRouted) != 0)
        {
            _ = EventFd.TrySignal(eventFd);
        }
    }

    /// <summary>Whether its interrupt leads somewhere now.</summary>
    internal void SetRouted(bool isRouted)
    {
        bool wasRouted = Interlocked.Exchange(ref _isRouted, isRouted ? 1 : 0) != 0;
        if (isRouted && !wasRouted && Volatile.Read(ref _level) != 0)
        {
            _ = EventFd.TrySignal(eventFd);
        }
    }

    public void Dispose()
    {
        binding.Dispose();
        eventFd.Dispose();
    }
}

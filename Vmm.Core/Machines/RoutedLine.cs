// A line that leads to an input of the second I/O APIC. It is edge-triggered: what counts is that it rises.
//
// Rising while the interrupt is routed signals the eventfd that the hypervisor raises the interrupt for. Rising while it is masked is
// remembered by the level alone, and found there when the interrupt is routed. Either side writes its own word before it reads the other's,
// with a full barrier between, so one of them sees both; if both do, the guest gets an interrupt more, which an edge-triggered one may.
//
// A signal that the host refuses is owed: without it the guest would wait for an interrupt that never comes, for the line stays high until
// the guest has been there.

using System.Runtime.InteropServices;
using Vmm.Core.Buses;
using Vmm.Core.Native;

namespace Vmm.Core.Machines;

/// <summary>A line whose interrupt is a message. Any thread; allocates nothing.</summary>
/// <param name="eventFd">What is signalled when the line rises.</param>
/// <param name="binding">Its connection with the interrupt.</param>
/// <param name="refused">Called when a signal is owed: <see cref="RaiseOwed"/> must be called later.</param>
internal sealed class RoutedLine(SafeHandle eventFd, IDisposable binding, Action refused) : IInterruptLine, IDisposable
{
    private int _level;
    private int _isRouted;
    private int _isOwed;

    /// <summary>Whether the host has refused a signal since the last attempt.</summary>
    internal bool IsOwed => Volatile.Read(ref _isOwed) != 0;

    /// <inheritdoc/>
    public void Set(bool level)
    {
        bool wasHigh = Interlocked.Exchange(ref _level, level ? 1 : 0) != 0;
        if (level && !wasHigh && Volatile.Read(ref _isRouted) != 0)
        {
            Signal();
        }
    }

    /// <summary>Whether its interrupt leads somewhere now.</summary>
    internal void SetRouted(bool isRouted)
    {
        bool wasRouted = Interlocked.Exchange(ref _isRouted, isRouted ? 1 : 0) != 0;
        if (isRouted && !wasRouted && Volatile.Read(ref _level) != 0)
        {
            Signal();
        }
    }

    /// <summary>Signals what is owed, if it is still wanted.</summary>
    internal void RaiseOwed()
    {
        if (Interlocked.Exchange(ref _isOwed, 0) != 0 && Volatile.Read(ref _level) != 0 && Volatile.Read(ref _isRouted) != 0)
        {
            Signal();
        }
    }

    public void Dispose()
    {
        binding.Dispose();
        eventFd.Dispose();
    }

    /// <summary>An error is believed when it comes twice.</summary>
    private void Signal()
    {
        if (!EventFd.TrySignal(eventFd) && !EventFd.TrySignal(eventFd))
        {
            Volatile.Write(ref _isOwed, 1);
            refused();
        }
    }
}

using System.Runtime.InteropServices;

namespace Vmm.Core.Loop;

/// <summary>A thread that serves queues: it waits on eventfds and timers, and calls the queue whose turn it is.</summary>
public interface IIoThread
{
    /// <summary>Whether the caller runs on this thread.</summary>
    bool IsCurrent { get; }

    /// <summary>Adds an eventfd, stopped. Any thread.</summary>
    /// <param name="eventFd">The eventfd, non-blocking; it stays the caller's, and is closed only after the source is disposed.</param>
    /// <param name="ready">Called on the thread after the eventfd was signalled and read; allocates nothing.</param>
    IIoSource Add(SafeHandle eventFd, Action ready);

    /// <summary>A timer that calls back on the thread. Any thread.</summary>
    /// <param name="elapsed">Called on the thread; allocates nothing.</param>
    IIoTimer CreateTimer(Action elapsed);
}

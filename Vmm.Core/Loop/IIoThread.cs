using System.Runtime.InteropServices;

namespace Vmm.Core.Loop;

/// <summary>A thread that serves queues: it waits on eventfds, other descriptors and timers, and calls the queue whose turn it is.</summary>
public interface IIoThread
{
    /// <summary>Whether the caller runs on this thread.</summary>
    bool IsCurrent { get; }

    /// <summary>Adds an eventfd, stopped. Any thread.</summary>
    /// <param name="eventFd">The eventfd, non-blocking; it stays the caller's, and is closed only after the source is disposed.</param>
    /// <param name="ready">Called on the thread after the eventfd was signalled and read; allocates nothing.</param>
    IIoSource Add(SafeHandle eventFd, Action ready);

    /// <summary>Adds a descriptor of any kind that can be polled, stopped: its source calls back when it becomes readable, or writable. Any thread. Before the first start nothing of it wakes the thread.</summary>
    /// <param name="descriptor">
    /// The descriptor, non-blocking; it stays the caller's, and is closed only after the source is disposed. Nothing is read from it here.
    /// </param>
    /// <param name="ready">
    /// Called on the thread once for each change, and not again for what is still there: it reads or writes until that would wait, or triggers the
    /// source. Allocates nothing.
    /// </param>
    IIoSource AddDescriptor(SafeHandle descriptor, Action ready);

    /// <summary>A timer that calls back on the thread. Any thread.</summary>
    /// <param name="elapsed">Called on the thread; allocates nothing.</param>
    IIoTimer CreateTimer(Action elapsed);

    /// <summary>
    /// Room for requests whose completions come on this thread. Any thread; before the guest runs, because later the host may refuse it.
    /// </summary>
    /// <param name="capacity">How many may be in flight: a power of two, at most 4096.</param>
    /// <param name="engine">By what they are carried out.</param>
    /// <exception cref="IOException">The host grants no io_uring, and nothing else is wanted.</exception>
    IIoRequests CreateRequests(int capacity, IoEngine engine = IoEngine.Automatic);
}

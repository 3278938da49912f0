// Counts the chains that were taken from a device's queues and are not given back yet, and completes when there are none. They begin and end on the
// thread that serves the queues; who waits for the end is on another. Both sides write first and look at the other's word afterwards,
// so that the last end and the wait cannot miss each other.

namespace Vmm.Core.Devices.Virtio;

/// <summary>What is in flight of one device. Counting allocates nothing.</summary>
internal sealed class RequestsInFlight
{
    private int _count;
    private TaskCompletionSource? _idle;

    /// <summary>So many were taken. Their queue is not stopped before this was called, so what waits for the end of them sees them.</summary>
    internal void Begin(int count) => Interlocked.Add(ref _count, count);

    /// <summary>So many were given back, and published.</summary>
    internal void End(int count)
    {
        if (Interlocked.Add(ref _count, -count) == 0 && Volatile.Read(ref _idle) is not null)
        {
            Interlocked.Exchange(ref _idle, null)?.TrySetResult();
        }
    }

    /// <summary>Completes when nothing is in flight; nothing begins meanwhile. Any thread.</summary>
    internal Task DrainAsync()
    {
        if (Volatile.Read(ref _count) == 0)
        {
            return Task.CompletedTask;
        }

        var idle = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        idle = Interlocked.CompareExchange(ref _idle, idle, null) ?? idle;
        if (Volatile.Read(ref _count) == 0)
        {
            // The last one ended in between, and perhaps looked before this was there.
            Interlocked.CompareExchange(ref _idle, null, idle);
            idle.TrySetResult();
        }

        return idle.Task;
    }
}

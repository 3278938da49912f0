using Vmm.Migration.Channels;

namespace Vmm.Migration.Normal;

/// <summary>Work on a stream, which may wait for its other side: on a thread of its own, never on the machine loop.</summary>
internal sealed class StreamWork
{
    /// <summary>How long the end of a process waits for such a thread, which was told to give up: it uses the guest's memory.</summary>
    private static readonly TimeSpan EndLimit = TimeSpan.FromMilliseconds(500);

    private Task? _present;

    /// <summary>Runs a part of the work. One part at a time.</summary>
    /// <exception cref="HandoverException">The host gives no thread.</exception>
    internal Task RunAsync(Action part) => RunAsync(() =>
    {
        part();
        return true;
    });

    /// <inheritdoc cref="RunAsync(Action)"/>
    internal Task<T> RunAsync<T>(Func<T> part)
    {
        try
        {
            var work = Task.Factory.StartNew(part, CancellationToken.None, TaskCreationOptions.LongRunning, TaskScheduler.Default);
            _present = work;
            return work;
        }
        catch (Exception e) when (e is TaskSchedulerException or OutOfMemoryException)
        {
            throw new HandoverException("out of memory: the host gives this process no more threads", e);
        }
    }

    /// <summary>Waits, for a short while, until no part runs.</summary>
    /// <returns>Whether none does.</returns>
    internal bool WaitEnded()
    {
        try
        {
            return _present?.Wait(EndLimit) ?? true;
        }
        catch (AggregateException)
        {
            // How it ended is reported to the code that began it.
            return true;
        }
    }
}

using Microsoft.Win32.SafeHandles;
using Vmm.Core.Loop;
using Vmm.Core.Native;

namespace Vmm.Migration.Exec;

/// <summary>A child of this process that ends without it, and is waited for then, so that nothing is left of it. Machine loop only.</summary>
/// <param name="process">The descriptor of its process, to be owned by this.</param>
internal sealed class ChildEnd(SafeFileHandle process)
{
    /// <summary>How often a child that has ended is waited for, where the host refuses that.</summary>
    private const int Attempts = 10;

    private static readonly TimeSpan BetweenAttempts = TimeSpan.FromMilliseconds(100);

    /// <summary>Waits for its end without holding up anything.</summary>
    /// <param name="loop">The machine loop.</param>
    /// <param name="ended">Called when it has ended, with whether a signal has ended it.</param>
    internal void Await(EventLoop loop, Action<bool>? ended = null)
    {
        FdWatch? watch = null;
        watch = loop.Watch(process, FdEvents.In, _ =>
        {
            watch?.Dispose();
            Reap(loop, ended, Attempts);
        });
    }

    private void Reap(EventLoop loop, Action<bool>? ended, int attempts)
    {
        if (PidFd.Reap(process) is not { } isKilled)
        {
            if (attempts > 1)
            {
                loop.After(BetweenAttempts, () => Reap(loop, ended, attempts - 1));
                return;
            }

            isKilled = false;
        }

        process.Dispose();
        ended?.Invoke(isKilled);
    }
}

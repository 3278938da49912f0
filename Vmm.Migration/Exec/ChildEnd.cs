using Microsoft.Win32.SafeHandles;
using Vmm.Core.Loop;
using Vmm.Core.Native;

namespace Vmm.Migration.Exec;

/// <summary>A child of this process that ends without it, and is waited for then, so that nothing is left of it. Machine loop only.</summary>
/// <param name="process">The descriptor of its process, to be owned by this.</param>
internal sealed class ChildEnd(SafeFileHandle process)
{
    /// <summary>Waits for its end without holding up anything.</summary>
    /// <param name="loop">The machine loop.</param>
    /// <param name="ended">Called when it has ended, with whether a signal has ended it.</param>
    internal void Await(EventLoop loop, Action<bool>? ended = null)
    {
        FdWatch? watch = null;
        watch = loop.Watch(process, FdEvents.In, _ =>
        {
            watch?.Dispose();
            bool isKilled = PidFd.Reap(process);
            process.Dispose();
            ended?.Invoke(isKilled);
        });
    }
}

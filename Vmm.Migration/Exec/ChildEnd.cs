using Microsoft.Win32.SafeHandles;
using Vmm.Core.Loop;
using Vmm.Core.Native;

namespace Vmm.Migration.Exec;

/// <summary>A child of this process that ends by itself, and is waited for then, so that nothing is left of it. Machine loop only.</summary>
/// <param name="process">The descriptor of its process, to be owned by this.</param>
internal sealed class ChildEnd(SafeFileHandle process)
{
    /// <summary>Waits for its end without holding up anything.</summary>
    internal void Await(EventLoop loop)
    {
        FdWatch? watch = null;
        watch = loop.Watch(process, FdEvents.In, _ =>
        {
            watch?.Dispose();
            PidFd.Reap(process);
            process.Dispose();
        });
    }
}

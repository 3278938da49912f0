using Microsoft.Win32.SafeHandles;

namespace Vmm.Core.Native;

/// <summary>A request to give up, for a thread that waits for a descriptor and for this (<see cref="FileDescriptor.WaitForEither"/>).</summary>
public sealed class CancelSignal : IDisposable
{
    /// <summary>Readable once it was given.</summary>
    public SafeFileHandle Handle { get; } = EventFd.Create();

    /// <summary>Whether it was given.</summary>
    public bool IsGiven => (FileDescriptor.PollNow(Handle, FdEvents.In) & FdEvents.In) != 0;

    /// <summary>Gives it; without effect once it is disposed. Any thread.</summary>
    public void Give()
    {
        try
        {
            EventFd.TrySignal(Handle);
        }
        catch (ObjectDisposedException)
        {
            // Whoever waited for it waits no more.
        }
    }

    /// <inheritdoc/>
    public void Dispose() => Handle.Dispose();
}

// A descriptor that bytes go through without anyone ever waiting, whatever its mode.
//
// The mode (O_NONBLOCK) belongs to the open file, which may be shared with a shell or with the process that had the guest
// before, so it is never changed. Sockets take a flag at each call instead. Other descriptors are polled before each use; a
// terminal that was not opened by us gets one byte at a time, for "has room" means one byte there.

using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;
using Vmm.Core.Loop;
using Vmm.Core.Native;

namespace Vmm.Core.Chardevs;

/// <summary>One descriptor of a chardev, and the loop's watch on it. Guarded by the chardev's gate; the watch is touched on the loop only.</summary>
internal sealed class ByteEnd
{
    // A pipe that is ready takes a page (PIPE_BUF) without waiting.
    private const int PipeSafe = 4096;

    private readonly bool _socket;
    private readonly int _atOnce;
    private FdWatch? _watch;

    internal ByteEnd(SafeFileHandle handle, bool ownMode = false)
    {
        Handle = handle;
        _socket = HostSocket.IsSocket(handle);
        _atOnce = !ownMode && TerminalDevice.IsTerminal(handle) ? 1 : PipeSafe;
    }

    internal SafeFileHandle Handle { get; }

    internal bool IsWatched => _watch is not null;

    internal bool IsWatchedForInput => _watch is { } watch && (watch.Events & FdEvents.In) != 0;

    /// <summary>Regular files cannot be watched: they are always ready.</summary>
    internal bool AlwaysReady { get; private set; }

    internal int Read(Span<byte> buffer) => _socket ? HostSocket.ReceiveNow(Handle, buffer) : FileDescriptor.ReadNow(Handle, buffer);

    internal int Write(ReadOnlySpan<byte> bytes) =>
        _socket ? HostSocket.SendNow(Handle, bytes) : FileDescriptor.WriteNow(Handle, bytes[..Math.Min(bytes.Length, _atOnce)]);

    /// <summary>Watches for <paramref name="events"/>, or not at all if there are none: a hang-up would be reported indefinitely.</summary>
    internal void WatchFor(FdEvents events, EventLoop loop, Action<FdEvents> callback)
    {
        if (events == FdEvents.None)
        {
            _watch?.Dispose();
            _watch = null;
        }
        else if (_watch is not null)
        {
            _watch.Events = events;
        }
        else if (!AlwaysReady)
        {
            try
            {
                _watch = loop.Watch(Handle, events, callback);
            }
            catch (InvalidOperationException)
            {
                AlwaysReady = true;
            }
        }
    }

    /// <summary>Stops watching and closes. Loop thread only if watched.</summary>
    internal void Close()
    {
        _watch?.Dispose();
        _watch = null;
        Handle.Dispose();
    }
}

// A non-blocking socket on an event loop, as awaitable sends and receives.
//
// A call tries at once and waits only when the kernel says so, so that a message which is already there costs one system
// call and no turn of the loop. Waiting ends in three ways: the socket is ready, the deadline passes, or the socket is
// closed here; the last two are exceptions. One receive and one send may be under way at a time.
//
// A read never waits for a peer that always has more to send. So the deadline is checked before every read, and after some
// reads that found something the rest of the loop has its turn.

using Microsoft.Win32.SafeHandles;
using Vmm.Core.Loop;
using Vmm.Core.Native;

namespace Vmm.Migration.Channels;

/// <summary>A connected stream socket on an event loop. Loop thread only.</summary>
internal sealed class LoopSocket : IDisposable
{
    private readonly EventLoop _loop;
    private readonly SafeFileHandle _handle;
    private readonly FdWatch _watch;
    private TaskCompletionSource? _readable;
    private TaskCompletionSource? _writable;
    private int _readsInTurn;
    private bool _hungUp;
    private bool _closed;

    internal LoopSocket(EventLoop loop, SafeFileHandle handle)
    {
        _loop = loop;
        _handle = handle;
        _watch = loop.Watch(handle, FdEvents.None, OnReady);
    }

    /// <summary>Who is at the other end.</summary>
    internal (int ProcessId, uint UserId) Peer => UnixSocket.PeerOf(_handle);

    /// <summary>A descriptor that stands for the process at the other end; null where the kernel does not say.</summary>
    internal SafeFileHandle? OpenPeer() => PidFd.TryOpenPeer(_handle);

    /// <summary>Whether the other end is closed. Messages of before may still be here.</summary>
    internal bool HasHungUp => _closed || (FileDescriptor.PollNow(_handle, FdEvents.None) & FdEvents.HangUp) != 0;

    /// <summary>Waits until a connection that was begun is there.</summary>
    /// <exception cref="PosixException">It was refused.</exception>
    internal async ValueTask ConnectedAsync(Deadline deadline)
    {
        ObjectDisposedException.ThrowIf(_closed, this);
        _writable = new TaskCompletionSource();
        await WaitAsync(_writable, deadline);
        if (HostSocket.ErrorOf(_handle) is not 0 and var error)
        {
            throw new PosixException("connect", error);
        }
    }

    /// <summary>Receives what is there, waiting for the first byte; 0 is the end.</summary>
    internal async ValueTask<int> ReceiveAsync(Memory<byte> buffer, ICollection<SafeFileHandle> descriptors, Deadline deadline)
    {
        while (true)
        {
            deadline.ThrowIfMissed();
            if (++_readsInTurn > ProtocolLimits.ReadsInTurn)
            {
                _readsInTurn = 0;
                await Task.Yield();
            }

            ObjectDisposedException.ThrowIf(_closed, this);
            int got = UnixSocket.Receive(_handle, buffer.Span, descriptors);
            if (got != FileDescriptor.WouldBlock)
            {
                return got;
            }

            _readsInTurn = 0;
            _readable = new TaskCompletionSource();
            await WaitAsync(_readable, deadline);
        }
    }

    /// <summary>Sends all bytes; descriptors travel with the first.</summary>
    internal async ValueTask SendAsync(ReadOnlyMemory<byte> bytes, int[] descriptors, Deadline deadline)
    {
        while (!bytes.IsEmpty)
        {
            ObjectDisposedException.ThrowIf(_closed, this);
            int sent = UnixSocket.Send(_handle, bytes.Span, descriptors);
            if (sent == FileDescriptor.WouldBlock)
            {
                _writable = new TaskCompletionSource();
                await WaitAsync(_writable, deadline);
                continue;
            }

            bytes = bytes[sent..];
            descriptors = [];
            if (!bytes.IsEmpty)
            {
                deadline.ThrowIfMissed();
            }
        }
    }

    /// <summary>A second descriptor of the socket, as non-blocking as this.</summary>
    internal SafeFileHandle Duplicate() => FileDescriptor.Duplicate(_handle);

    /// <summary>Closes the socket; a waiter gets an <see cref="ObjectDisposedException"/>.</summary>
    public void Dispose()
    {
        if (_closed)
        {
            return;
        }

        _closed = true;
        _watch.Dispose();
        _handle.Dispose();
        var error = new ObjectDisposedException(nameof(LoopSocket));
        _readable?.TrySetException(error);
        _writable?.TrySetException(error);
    }

    private async Task WaitAsync(TaskCompletionSource ready, Deadline deadline)
    {
        UpdateWatch();
        using var timer = deadline.Arm(_loop, error => ready.TrySetException(error));
        try
        {
            await ready.Task;
        }
        finally
        {
            _readable = ReferenceEquals(_readable, ready) ? null : _readable;
            _writable = ReferenceEquals(_writable, ready) ? null : _writable;
            UpdateWatch();
        }
    }

    private void UpdateWatch()
    {
        if (!_closed && !_hungUp)
        {
            _watch.Events = (_readable is null ? FdEvents.None : FdEvents.In) | (_writable is null ? FdEvents.None : FdEvents.Out);
        }
    }

    private void OnReady(FdEvents events)
    {
        // Error and hang-up wake both directions: the next system call says what it is.
        bool broken = (events & (FdEvents.Error | FdEvents.HangUp)) != 0;
        if (broken && _readable is null && _writable is null)
        {
            // No one is waiting and the condition stays: stop watching until one waits.
            _hungUp = true;
            _watch.Dispose();
            return;
        }

        if (broken || (events & FdEvents.In) != 0)
        {
            _readable?.TrySetResult();
        }

        if (broken || (events & FdEvents.Out) != 0)
        {
            _writable?.TrySetResult();
        }
    }
}

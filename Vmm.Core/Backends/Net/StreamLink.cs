// The cable of a back end on a stream socket: plugged in while there is a connection. Who connects is the back end's; this is what all of them share: the queue gets
// the socket, its loss is noticed, the device is notified, and nothing changes while the guest is stopped on its way to another process.
//
// From the stop (Hold) until Start no connection is opened, accepted or closed: what ends meanwhile stays open as it is, what was being connected waits, and the
// process that has the guest then deals with both. Between the plan (Export) and the stop, which may be long, everything keeps running. Only the descriptor of a connection
// that was exported stays open if that ends; it is shut down, so its peer and the next process see the end.
//
// Everything here is decided under one lock, by Settle, on the loop of the back ends, from the present state.

using Microsoft.Extensions.Logging;
using Microsoft.Win32.SafeHandles;
using Vmm.Core.Loop;
using Vmm.Core.Native;

namespace Vmm.Core.Backends.Net;

/// <summary>The connection of a stream and what becomes of it. Any thread, unless said otherwise.</summary>
internal sealed class StreamLink
{
    private static readonly TimeSpan RetryPause = TimeSpan.FromMilliseconds(10);

    private readonly EventLoop _loop;
    private readonly ILogger _log;
    private readonly string _id;
    private readonly SynchronizationContext? _owner = SynchronizationContext.Current;
    private readonly SendOrPostCallback _settle;
    private SafeFileHandle? _socket;
    private SafeFileHandle? _waiting;
    private SafeFileHandle? _exported;
    private FdWatch? _watch;
    private bool _isEndSeen;
    private bool _isRetryPosted;
    private bool _isRunning;
    private bool _isClosed;
    private bool _isSettlePosted;
    private bool _isConnected;
    private long _malformed;

    /// <summary>Creates it without a connection. On the machine loop, which <see cref="Changed"/> is called on.</summary>
    internal StreamLink(string id, EventLoop loop, ILogger log)
    {
        (_id, _loop, _log) = (id, loop, log);
        _settle = _ => Settle();
        Queue = new StreamQueue(PostSettle) { Stopped = OnQueueStopped, Short = RetrySoon };
    }

    /// <summary>Guards the connection, and whatever makes one.</summary>
    internal Lock Gate { get; } = new();

    /// <summary>What moves its frames.</summary>
    internal StreamQueue Queue { get; }

    /// <summary>Whether there is a connection.</summary>
    internal bool IsConnected => Volatile.Read(ref _isConnected);

    /// <summary>The connection; null while there is none. Gate held.</summary>
    internal SafeFileHandle? Socket => _socket;

    /// <summary>How many connections were ended because of what the peer sent.</summary>
    internal long Malformed => Interlocked.Read(ref _malformed);

    /// <summary>Whether the guest is here and stays. Gate held.</summary>
    internal bool IsActive => _isRunning && !_isClosed;

    /// <summary>Called when a connection is wanted. On the loop, gate held.</summary>
    internal required Action Vacant { get; init; }

    /// <summary>Called when none is wanted. On the loop, gate held.</summary>
    internal required Action Occupied { get; init; }

    /// <summary>Called after a connection was plugged in (true) or has gone (false), on the machine loop.</summary>
    internal required Action<bool> Changed { get; init; }

    /// <summary>Uses a connection, or closes it if there is one. Gate held.</summary>
    internal void Plug(SafeFileHandle socket)
    {
        if (_socket is not null || _waiting is not null || _isClosed)
        {
            socket.Dispose();
            return;
        }

        _waiting = socket;
        PlugWaiting();
        PostSettle();
    }

    /// <summary>The same before the guest is here: an adopted connection, or one that is opened with the machine. Gate held.</summary>
    internal void PlugAtOnce(SafeFileHandle socket)
    {
        _socket = socket;
        Queue.Plug(socket);
        Volatile.Write(ref _isConnected, true);
    }

    /// <summary>Ends the connection. On the loop, gate held.</summary>
    internal void Unplug()
    {
        if (_socket is not { } socket)
        {
            return;
        }

        Unwatch();
        Queue.Unplug();
        _socket = null;
        if (socket == _exported)
        {
            HostSocket.Shutdown(socket);
        }
        else
        {
            socket.Dispose();
        }

        Volatile.Write(ref _isConnected, false);
        Tell(isConnected: false);
    }

    /// <summary>The connection, for the next process: its descriptor stays open until <see cref="Start"/> or <see cref="Close"/>, whatever becomes of it. Gate held.</summary>
    internal SafeFileHandle? Export()
    {
        ForgetExported();
        return _exported = _socket;
    }

    /// <summary>The guest is here.</summary>
    internal void Start()
    {
        lock (Gate)
        {
            ForgetExported();
            _isRunning = true;
            PostSettle();
        }
    }

    /// <summary>When this returns nothing changes until <see cref="Start"/>.</summary>
    internal void Hold()
    {
        lock (Gate)
        {
            _isRunning = false;
            PostSettle();
        }
    }

    /// <summary>Closes the connection. Its descriptor may live on in another process, and nothing of it is changed.</summary>
    internal void Close()
    {
        lock (Gate)
        {
            if (_isClosed)
            {
                return;
            }

            _isClosed = true;
            _isRunning = false;
            _waiting?.Dispose();
            _waiting = null;
            Queue.Unplug();
            if (_watch is null || _loop.IsCurrent)
            {
                CloseSocket();
            }

            // The rest is for the loop, which watches.
            PostSettle();
        }
    }

    /// <summary>Closes something that the loop watches.</summary>
    internal void CloseOnLoop(Action close)
    {
        if (_loop.IsCurrent)
        {
            close();
        }
        else
        {
            _loop.Post(close);
        }
    }

    /// <summary>Has <see cref="Settle"/> run soon. Any lock may be held.</summary>
    internal void PostSettle()
    {
        if (!Interlocked.Exchange(ref _isSettlePosted, true))
        {
            _loop.Post(_settle, null);
        }
    }

    private void Settle()
    {
        Volatile.Write(ref _isSettlePosted, false);
        lock (Gate)
        {
            if (_isClosed)
            {
                CloseSocket();
                Occupied();
                return;
            }

            if (!IsActive)
            {
                Unwatch();
                Occupied();
                return;
            }

            if (Queue.Loss is { } loss)
            {
                Report(loss);
                Unplug();
            }

            PlugWaiting();
            if (_socket is null)
            {
                Vacant();
            }

            // A connection may have been made at once.
            if (_socket is not null)
            {
                Occupied();
                Watch();
            }
        }
    }

    private void PlugWaiting()
    {
        if (IsActive && _waiting is { } socket && _socket is null)
        {
            _waiting = null;
            PlugAtOnce(socket);
            Tell(isConnected: true);
        }
    }

    private void Report(StreamLoss loss)
    {
        if (loss.IsMalformed)
        {
            Interlocked.Increment(ref _malformed);
        }

        if (loss.Reason is { } reason)
        {
            StreamLog.Lost(_log, _id, reason);
        }
        else
        {
            StreamLog.Ended(_log, _id);
        }
    }

    /// <summary>Without a device that receives, only this shows that the peer has left.</summary>
    private void Watch()
    {
        if (_watch is null && !_isEndSeen)
        {
            _watch = _loop.Watch(_socket!, FdEvents.ReadEnd, _ => OnEnd());
        }
    }

    private void OnEnd()
    {
        lock (Gate)
        {
            // Once: it would be reported indefinitely.
            Unwatch();
            _isEndSeen = true;
            if (!IsActive || _socket is null || Queue.IsServed)
            {
                return;
            }

            // What the peer has sent waits for a device that does not receive just now.
            if (!Queue.HasDevice || StreamSocket.HasEnded(_socket))
            {
                Report(Queue.Loss ?? StreamLoss.Ended);
                Unplug();
                PostSettle();
            }
        }
    }

    private void ForgetExported()
    {
        if (_exported != _socket)
        {
            _exported?.Dispose();
        }

        _exported = null;
    }

    /// <summary>Without a device that receives, an end that was seen has to be looked for again.</summary>
    private void OnQueueStopped()
    {
        Volatile.Write(ref _isEndSeen, false);
        PostSettle();
    }

    /// <summary>The kernel had no memory, and does not say when it has some. Any lock may be held.</summary>
    private void RetrySoon()
    {
        if (!Interlocked.Exchange(ref _isRetryPosted, true))
        {
            _loop.Post(() => _loop.After(RetryPause, () =>
            {
                Volatile.Write(ref _isRetryPosted, false);
                Queue.Retry();
            }));
        }
    }

    private void Unwatch()
    {
        _watch?.Dispose();
        _watch = null;
        _isEndSeen = false;
    }

    private void CloseSocket()
    {
        Unwatch();
        Queue.Unplug();
        _socket?.Dispose();
        _socket = null;
        _exported?.Dispose();
        _exported = null;
        Volatile.Write(ref _isConnected, false);
    }

    private void Tell(bool isConnected)
    {
        if (_owner is null)
        {
            Changed(isConnected);
            return;
        }

        _owner.Post(
            _ =>
            {
                if (!Volatile.Read(ref _isClosed))
                {
                    Changed(isConnected);
                }
            },
            null);
    }
}

// A listening socket, unix or TCP, which knows whether its path is this process's.
//
// The process that bound a path removes it at its end. One that handed the socket on abandons it instead, and the path is
// then the next process's; a path that came with an inherited descriptor belongs to its maker. SocketName sees to it that
// nothing but a dead socket is ever replaced, and nothing but the listener's own path removed.
//
// The socket is shared with another process during a live update, and one that is shut down there is shut down here. A listener with a place
// of its own notices that and listens anew there.
//
// Accepting can be paused: a client that connects meanwhile waits in the kernel's backlog, for this process or for the next.

using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Win32.SafeHandles;
using Vmm.Core.Descriptors;
using Vmm.Core.Loop;
using Vmm.Core.Native;

namespace Vmm.Core.Chardevs;

/// <summary>A listening socket on a loop. The listening socket can be opened, inherited, adopted and handed on.</summary>
public sealed class SocketListener : IDisposable
{
    private const int Backlog = 16;

    private static readonly TimeSpan TryAgain = TimeSpan.FromSeconds(1);

    private readonly EventLoop _loop;
    private readonly Lock _gate;
    private readonly ILogger _logger;
    private readonly SendOrPostCallback _settle;
    private readonly ListenAddress? _address;
    private Action? _renewed;
    private SocketName? _name;
    private Action<SafeFileHandle>? _accepted;
    private SafeFileHandle? _socket;
    private IDisposable? _removal;
    private FdWatch? _watch;
    private FdWatch? _guard;
    private bool _accepting;
    private bool _closing;

    /// <summary>Creates the listener; nothing is bound yet.</summary>
    /// <param name="loop">The loop that accepts and calls back.</param>
    /// <param name="path">The path to bind; null if the socket will be inherited or adopted.</param>
    /// <param name="gate">A lock that is held around the callback, so that <see cref="Pause"/> can wait for it; null makes one.</param>
    /// <param name="logger">Where a failure to accept is reported.</param>
    public SocketListener(EventLoop loop, string? path, Lock? gate = null, ILogger? logger = null)
        : this(loop, path is null ? null : new ListenAddress.UnixPath(path), gate, logger)
    {
    }

    /// <summary>Creates the listener; nothing is bound yet.</summary>
    /// <param name="loop">The loop that accepts and calls back.</param>
    /// <param name="address">Where to listen; null if the socket will be inherited or adopted.</param>
    /// <param name="gate">A lock that is held around the callback, so that <see cref="Pause"/> can wait for it; null makes one.</param>
    /// <param name="logger">Where a failure to accept is reported.</param>
    internal SocketListener(EventLoop loop, ListenAddress? address, Lock? gate, ILogger? logger)
    {
        _loop = loop;
        _address = address;
        Path = address is ListenAddress.UnixPath ? address.Text : null;
        _gate = gate ?? new Lock();
        _logger = logger ?? NullLogger.Instance;
        _settle = _ => Settle();
    }

    /// <summary>Where it listens, or will.</summary>
    internal string Place => _address?.Text ?? Path ?? "inherited socket";

    /// <summary>The path; null while there is none.</summary>
    public string? Path { get; private set; }

    /// <summary>The listening socket, to be handed on; it stays the listener's. Null before it is opened or adopted.</summary>
    public SafeFileHandle? Handle => _socket;

    /// <summary>Whether a process, this one or another, listens on a path. Asking leaves no trace there.</summary>
    public static bool IsTaken(string path) => UnixSocket.HasLiveListener(path);

    /// <summary>Binds the path or port. A socket that was left behind is removed first; a live one is left alone.</summary>
    /// <exception cref="IOException">The place is taken, or cannot be bound.</exception>
    public void Open()
    {
        if (!TryOpen())
        {
            throw new IOException($"Failed to bind socket to {Place}: Address already in use");
        }
    }

    /// <summary>Binds the path unless a process listens there. A socket that was left behind is removed first.</summary>
    /// <returns>Whether the path was free.</returns>
    /// <exception cref="IOException">It cannot be bound.</exception>
    public bool TryOpen()
    {
        var address = _address ?? throw new InvalidOperationException("a listener without an address cannot be opened");
        _socket = address.TryListen(Backlog, out _name);
        RegisterRemoval();
        return _socket is not null;
    }

    /// <summary>Takes over a listening socket.</summary>
    /// <param name="socket">The socket; the listener's from now on, also when it is refused.</param>
    /// <exception cref="IOException">It does not listen.</exception>
    public void Adopt(SafeFileHandle socket)
    {
        if (DescriptorKind.ListeningSocket(socket) is { } reason)
        {
            socket.Dispose();
            throw new IOException(reason);
        }

        Path ??= HostSocket.IsUnix(socket) ? UnixSocket.BoundPath(socket) : null;
        _address?.Adopted(socket);
        _name = _address?.NameOfAdopted();
        _socket = socket;
        RegisterRemoval();
    }

    /// <summary>Begins to accept.</summary>
    /// <param name="accepted">Called on the loop, with the gate held, with each connection, which is the callee's.</param>
    public void Start(Action<SafeFileHandle> accepted)
    {
        _accepted = accepted;
        Resume();
    }

    /// <summary>For one whose clients are accepted elsewhere: watches whether the socket is shut down. Loop thread only, before every other.</summary>
    /// <param name="renewed">Called on the loop when there is another socket, at the same path, in its place.</param>
    public void Guard(Action renewed)
    {
        lock (_gate)
        {
            _renewed = renewed;
            try
            {
                _guard ??= _loop.Watch(_socket!, FdEvents.ReadEnd, _ => OnShutDown());
            }
            catch (PosixException error)
            {
                ChardevLog.NotGuarded(_logger, Place, error.Reason);
            }
        }
    }

    /// <summary>Stops accepting; when it returns no callback runs or comes, except on the caller's own stack. Any thread.</summary>
    public void Pause() => Accept(false);

    /// <summary>Accepts again. Any thread.</summary>
    public void Resume() => Accept(true);

    /// <summary>Closes the socket and leaves the path, which is the next process's. Any thread.</summary>
    public void Release()
    {
        lock (_gate)
        {
            _removal?.Dispose();
            _accepting = false;
            _closing = true;
            if (_watch is null && _guard is null)
            {
                _socket?.Dispose();
            }
            else if (_loop.IsCurrent)
            {
                Settle();
            }
            else
            {
                _loop.Post(_settle, null);
            }
        }
    }

    /// <summary>Closes the socket, and removes the path if it is ours. After <see cref="Release"/> without effect. Any thread.</summary>
    public void Dispose()
    {
        lock (_gate)
        {
            if (_socket is null || _closing)
            {
                return;
            }

            // First, while the socket is held: then no process replaces it.
            RemoveName();
            Release();
        }
    }

    private void RemoveName()
    {
        try
        {
            _name?.Remove();
        }
        catch (IOException error)
        {
            ChardevLog.NameNotRemoved(_logger, Path!, error.Message);
        }
    }

    private void RegisterRemoval()
    {
        _removal?.Dispose();
        _removal = _name is { } name ? ForcedEnd.Register(name.Remove) : null;
    }

    private void Accept(bool accepting)
    {
        lock (_gate)
        {
            if (_accepting != accepting && !_closing)
            {
                _accepting = accepting;
                _loop.Post(_settle, null);
            }
        }
    }

    private void Settle()
    {
        lock (_gate)
        {
            if (_accepting && _watch is null && _socket is { IsClosed: false })
            {
                Watch(_socket);
            }
            else if (!_accepting)
            {
                StopWatching();
            }

            if (_closing)
            {
                _guard?.Dispose();
                _guard = null;
                _socket?.Dispose();
            }
        }
    }

    private void OnReady()
    {
        lock (_gate)
        {
            if (!_accepting)
            {
                Settle();
                return;
            }

            try
            {
                // Polled first, because an inherited socket may be a blocking one.
                if (FileDescriptor.PollNow(_socket!, FdEvents.In) != FdEvents.None && HostSocket.Accept(_socket!) is { } connection)
                {
                    _accepted!(connection);
                }
                else if (HostSocket.IsShutDown(_socket!))
                {
                    StopWatching();
                    Renew();
                }
            }
            catch (PosixException) when (HostSocket.IsShutDown(_socket!))
            {
                // A TCP socket says so, where a unix one says that no client is waiting.
                StopWatching();
                Renew();
            }
            catch (PosixException error)
            {
                ChardevLog.AcceptFailed(_logger, Place, error.Reason);
                StopWatching();
                _loop.After(TryAgain, Settle);
            }
        }
    }

    private void Watch(SafeFileHandle socket)
    {
        try
        {
            _watch = _loop.Watch(socket, FdEvents.In, _ => OnReady());
        }
        catch (PosixException error)
        {
            ChardevLog.AcceptFailed(_logger, Place, error.Reason);
            _loop.After(TryAgain, Settle);
        }
    }

    private void StopWatching()
    {
        _watch?.Dispose();
        _watch = null;
    }

    private void OnShutDown()
    {
        lock (_gate)
        {
            // Otherwise it would be reported as ready indefinitely.
            _guard?.Dispose();
            _guard = null;
            if (!_closing)
            {
                Renew();
            }
        }
    }

    /// <summary>Listens anew in the place of a socket that accepts no client any more. Gate held, loop thread, nothing watched.</summary>
    private void Renew()
    {
        if (_address is null)
        {
            ChardevLog.ListenerLost(_logger, Place);
            _accepting = false;
            return;
        }

        try
        {
            _name?.Remove();
            if (_address.TryListen(Backlog, out var name) is { } socket)
            {
                ChardevLog.ListenerRenewed(_logger, Place);
                _socket!.Dispose();
                (_socket, _name) = (socket, name);
                Settle();
                _renewed?.Invoke();
                return;
            }

            ChardevLog.ListenerNotRenewed(_logger, Place, "another process listens there");
        }
        catch (IOException error)
        {
            ChardevLog.ListenerNotRenewed(_logger, Place, error.Message);
        }

        _loop.After(TryAgain, RenewAgain);
    }

    private void RenewAgain()
    {
        lock (_gate)
        {
            if (!_closing)
            {
                Renew();
            }
        }
    }
}

// A listening unix socket that knows whose its path is.
//
// The process that bound a path removes it at its end. One that handed the socket on abandons it instead, and the path is
// then the next process's; a path that came with an inherited descriptor is whoever's made it. A path that someone
// listens on is never bound or removed by somebody else: the kernel is asked first.
//
// Accepting can be paused: who connects meanwhile waits in the kernel's backlog, for this process or for the next.

using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Win32.SafeHandles;
using Vmm.Core.Loop;
using Vmm.Core.Native;

namespace Vmm.Core.Chardevs;

/// <summary>A listening unix socket on a loop. The listening socket can be opened, inherited, adopted and handed on.</summary>
public sealed class UnixListener : IDisposable
{
    private const int Backlog = 16;

    private readonly EventLoop _loop;
    private readonly Lock _gate;
    private readonly ILogger _logger;
    private readonly SendOrPostCallback _settle;
    private readonly bool _ownsPath;
    private Action<SafeFileHandle>? _accepted;
    private SafeFileHandle? _socket;
    private IDisposable? _owedRemoval;
    private FdWatch? _watch;
    private bool _accepting;
    private bool _closing;

    /// <summary>Creates the listener; nothing is bound yet.</summary>
    /// <param name="loop">The loop that accepts and calls back.</param>
    /// <param name="path">The path to bind; null if the socket will be inherited or adopted.</param>
    /// <param name="gate">A lock that is held around the callback, so that <see cref="Pause"/> can wait for it; null makes one.</param>
    /// <param name="logger">Where a failure to accept is told.</param>
    public UnixListener(EventLoop loop, string? path, Lock? gate = null, ILogger? logger = null)
    {
        _loop = loop;
        Path = path;
        _ownsPath = path is not null;
        _gate = gate ?? new Lock();
        _logger = logger ?? NullLogger.Instance;
        _settle = _ => Settle();
    }

    /// <summary>The path; null while there is none.</summary>
    public string? Path { get; private set; }

    /// <summary>The listening socket, to be handed on; it stays the listener's. Null before it is opened or adopted.</summary>
    public SafeFileHandle? Handle => _socket;

    /// <summary>Whether somebody, this process or another, listens on a path. Asking leaves no trace there.</summary>
    public static bool IsTaken(string path) => Posix.HasLiveListener(path);

    /// <summary>Binds the path. A socket that was left behind is removed first; a live one is left alone.</summary>
    /// <exception cref="IOException">The path is taken, or cannot be bound.</exception>
    public void Open()
    {
        if (!TryOpen())
        {
            throw new IOException($"Failed to bind socket to {Path}: Address already in use");
        }
    }

    /// <summary>Binds the path unless somebody listens there. A socket that was left behind is removed first.</summary>
    /// <returns>Whether the path was free.</returns>
    /// <exception cref="IOException">It cannot be bound.</exception>
    public bool TryOpen()
    {
        string path = Path ?? throw new InvalidOperationException("a listener without a path cannot be opened");
        if (IsTaken(path))
        {
            return false;
        }

        if (Posix.IsSocketPath(path))
        {
            Posix.RemoveName(path);
        }

        var socket = Posix.CreateUnixSocket();
        try
        {
            Posix.Listen(socket, path, Backlog);
        }
        catch (PosixException) when (IsTaken(path))
        {
            // Another process was faster.
            socket.Dispose();
            return false;
        }
        catch
        {
            socket.Dispose();
            throw;
        }

        _socket = socket;
        OweRemoval(path);
        return true;
    }

    /// <summary>Takes over a listening socket.</summary>
    /// <param name="socket">The socket; the listener's from now on, also when it is refused.</param>
    /// <exception cref="IOException">It does not listen.</exception>
    public void Adopt(SafeFileHandle socket)
    {
        if (!Posix.IsListening(socket))
        {
            socket.Dispose();
            throw new IOException("a listening socket expected, the descriptor does not listen");
        }

        Path ??= Posix.BoundPath(socket);
        _socket = socket;
        if (_ownsPath)
        {
            OweRemoval(Path!);
        }
    }

    /// <summary>Begins to accept.</summary>
    /// <param name="accepted">Called on the loop, with the gate held, with each connection, which is the callee's.</param>
    public void Start(Action<SafeFileHandle> accepted)
    {
        _accepted = accepted;
        Resume();
    }

    /// <summary>Stops accepting; when it returns no callback runs or comes, except on the caller's own stack. Any thread.</summary>
    public void Pause() => Accept(false);

    /// <summary>Accepts again. Any thread.</summary>
    public void Resume() => Accept(true);

    /// <summary>Closes the socket and leaves the path, which is the next process's. Any thread.</summary>
    public void Abandon()
    {
        lock (_gate)
        {
            _owedRemoval?.Dispose();
            _accepting = false;
            _closing = true;
            if (_watch is null)
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

    /// <summary>Closes the socket, and removes the path if it is ours. After <see cref="Abandon"/> without effect. Any thread.</summary>
    public void Dispose()
    {
        lock (_gate)
        {
            if (_socket is null || _closing)
            {
                return;
            }

            if (_ownsPath)
            {
                RemovePath(Path!);
            }

            Abandon();
        }
    }

    private static void RemovePath(string path)
    {
        try
        {
            if (Posix.IsSocketPath(path))
            {
                Posix.RemoveName(path);
            }
        }
        catch (PosixException)
        {
            // The directory went away or became read-only; a stale name is removed by whoever binds it next.
        }
    }

    private void OweRemoval(string path)
    {
        _owedRemoval?.Dispose();
        _owedRemoval = ForcedEnd.Owe(() => RemovePath(path));
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
                _watch = _loop.Watch(_socket, FdEvents.In, _ => OnReady());
            }
            else if (!_accepting)
            {
                _watch?.Dispose();
                _watch = null;
            }

            if (_closing)
            {
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
                // Asked first, because an inherited socket may be a blocking one.
                if (Posix.PollNow(_socket!, FdEvents.In) != FdEvents.None && Posix.Accept(_socket!) is { } connection)
                {
                    _accepted!(connection);
                }
            }
            catch (PosixException error)
            {
                ChardevLog.AcceptFailed(_logger, Path ?? "inherited socket", error.Reason);
                _watch?.Dispose();
                _watch = null;
                _loop.After(TimeSpan.FromSeconds(1), Settle);
            }
        }
    }
}

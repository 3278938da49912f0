using System.Runtime.InteropServices;
using Vmm.Core.Loop;
using Vmm.Core.Native;

namespace Vmm.Qmp.Sessions;

// A listening socket that may arrive late and may be shared.
//
// One client is served at a time; the next waits in the kernel's backlog and is accepted the moment the former leaves. In
// a live update the old and the new process hold the same listening socket: the new one is given it (Adopt) and starts,
// the old one stops. Neither loses a client: one in the backlog goes to the process that accepts.
//
// Once StopAccepting has returned, on whatever thread, no client is accepted: the machine loop calls it before it reports to any client that the
// guest has left, so a client that connects afterwards reaches the process that has the guest.

/// <summary>Clients of a listening socket. I/O loop only, except where noted.</summary>
public sealed class ListeningSource : IConnectionSource
{
    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(100);

    private SafeHandle? _listener;
    private volatile bool _accepting;
    private TaskCompletionSource<Connection?>? _wanted;
    private EventLoop? _io;
    private FdWatch? _watch;
    private bool _disposed;
    private bool _isFailing;
    private bool _isHeld;

    /// <summary>A source that has no socket yet; it gets one by <see cref="Adopt"/>.</summary>
    public ListeningSource()
    {
    }

    /// <summary>A source that accepts at once.</summary>
    /// <param name="listener">A non-blocking listening socket, which now belongs to the source.</param>
    public ListeningSource(SafeHandle listener)
    {
        Adopt(listener);
        StartAccepting();
    }

    /// <summary>Called with the error when a client cannot be accepted; once until one can be again.</summary>
    public Action<Exception>? AcceptFailed { get; set; }

    /// <summary>Takes the place of whatever socket was listened on.</summary>
    /// <param name="listener">A non-blocking listening socket, which now belongs to the source.</param>
    public void Adopt(SafeHandle listener)
    {
        StopWatching();
        _listener?.Dispose();
        _listener = listener;
        Watch();
    }

    /// <inheritdoc/>
    public Task<Connection?> AcceptAsync(EventLoop io)
    {
        _io = io;
        if (_disposed)
        {
            return Task.FromResult<Connection?>(null);
        }

        _wanted = new TaskCompletionSource<Connection?>();
        var wanted = _wanted.Task;
        if (_accepting && !_isHeld && _listener is not null)
        {
            Accept();
        }

        Watch();
        return wanted;
    }

    /// <summary>Leaves further clients to the other process that has the socket; a client that is served stays. Any thread.</summary>
    public void StopAccepting() => _accepting = false;

    /// <summary>Accepts clients (again).</summary>
    public void StartAccepting()
    {
        _accepting = true;
        Watch();
    }

    /// <inheritdoc/>
    public void Hold()
    {
        _isHeld = true;
        StopWatching();
    }

    /// <inheritdoc/>
    public void Continue()
    {
        _isHeld = false;
        Watch();
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _disposed = true;
        StopWatching();
        _listener?.Dispose();
        _wanted?.TrySetResult(null);
    }

    private void Watch()
    {
        if (_accepting && !_isHeld && _listener is not null && _wanted is not null && _watch is null)
        {
            _watch = _io!.Watch(_listener, FdEvents.In, _ => Accept());
        }
    }

    private void StopWatching()
    {
        _watch?.Dispose();
        _watch = null;
    }

    private void Accept()
    {
        if (!_accepting || _isHeld)
        {
            StopWatching();
            return;
        }

        try
        {
            if (HostSocket.Accept(_listener!) is { } socket)
            {
                _isFailing = false;
                StopWatching();
                Hand(socket);
            }
            else if (HostSocket.IsShutDown(_listener!))
            {
                // Shut down by another process that has it: no client will come, and it would be reported as ready indefinitely. Another may be
                // adopted.
                StopWatching();
            }
        }
        catch (Exception e)
        {
            // Out of descriptors or memory, say: a client that waits stays in the backlog and is accepted later.
            StopWatching();
            _io!.After(Pause, Watch);
            if (!_isFailing)
            {
                _isFailing = true;
                AcceptFailed?.Invoke(e);
            }
        }
    }

    private void Hand(SafeHandle socket)
    {
        Connection connection;
        try
        {
            connection = Connection.OverSocket(socket);
        }
        catch
        {
            socket.Dispose();
            throw;
        }

        var wanted = _wanted!;
        _wanted = null;
        wanted.SetResult(connection);
    }
}

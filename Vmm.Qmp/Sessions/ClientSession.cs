// What a session is, whatever language its client speaks: bytes come in and become requests, answers wait in a queue and go
// out, and a turn on the I/O loop follows whenever there is more to send or room for more requests.
//
// A client that closes its sending side still gets its answers; the session ends with the last of them. One that has disconnected, or that leaves
// too much unread, loses what it had.

using Microsoft.Extensions.Logging;
using Microsoft.Win32.SafeHandles;
using Vmm.Core.Loop;
using Vmm.Qmp.Wire;

namespace Vmm.Qmp.Sessions;

/// <summary>A session with one client of a monitor. I/O loop, save for its queue.</summary>
internal abstract class ClientSession : IConnectionUser, IDisposable
{
    private readonly EventLoop _machine;
    private readonly EventLoop _io;
    private readonly ILogger _log;
    private readonly TaskCompletionSource _completion = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private bool _inputEnded;
    private int _turnPosted;

    /// <summary>Prepares to serve; nothing moves before <see cref="Begin"/>.</summary>
    /// <param name="connection">The client, which now belongs to the session.</param>
    /// <param name="machine">The machine loop, where commands run.</param>
    /// <param name="io">The loop that moves its bytes.</param>
    /// <param name="log">Where failures of the client are reported.</param>
    protected ClientSession(Connection connection, EventLoop machine, EventLoop io, ILogger log)
    {
        Connection = connection;
        _machine = machine;
        _io = io;
        _log = log;
        Outbound = new OutboundQueue(OutboundQueue.DefaultLimit, PostTurn, Overflowed);
        connection.Outbound = Outbound;
    }

    /// <summary>Completes when the client has disconnected and what it had is closed.</summary>
    internal Task Completion => _completion.Task;

    /// <summary>The client.</summary>
    protected Connection Connection { get; }

    /// <summary>What goes to it.</summary>
    protected OutboundQueue Outbound { get; }

    /// <summary>Descriptors that it named. Machine loop only.</summary>
    protected NamedDescriptors Named { get; } = new();

    /// <summary>Whether the session is over.</summary>
    protected bool IsClosed { get; private set; }

    /// <summary>Whether nothing that the client has asked waits for its answer.</summary>
    protected abstract bool IsIdle { get; }

    /// <summary>Greets and starts to serve.</summary>
    internal abstract void Start();

    /// <summary>Completes when everything that is queued now has been sent, or the client has disconnected.</summary>
    internal Task FlushAsync() => Outbound.WhenEmpty();

    /// <inheritdoc/>
    public abstract void Received(ReadOnlySpan<byte> bytes, IReadOnlyList<SafeFileHandle> descriptors);

    /// <inheritdoc/>
    public void Ended(bool isDisconnected)
    {
        _inputEnded = true;
        if (isDisconnected)
        {
            Dispose();
        }
        else
        {
            CloseWhenDone();
        }
    }

    /// <inheritdoc/>
    public void Failed(Exception defect)
    {
        if (!IsClosed)
        {
            _log.SessionFailed(defect.ToString());
            Dispose();
        }
    }

    /// <summary>Ends the session.</summary>
    public void Dispose()
    {
        if (IsClosed)
        {
            return;
        }

        IsClosed = true;
        try
        {
            Connection.Dispose();
            OnClosed();
            _machine.Post(Named.Dispose);
        }
        finally
        {
            // Whatever went wrong: the monitor's next client waits for this.
            _completion.SetResult();
        }
    }

    /// <summary>Lets bytes flow.</summary>
    protected void Begin() => Connection.Start(_io, this);

    /// <summary>Ends the session for a reason that was found on another thread. Any thread.</summary>
    protected void PostFailure(Exception defect) => _io.Post(() => Failed(defect));

    /// <summary>Asks for a turn, if none is due already. Any thread.</summary>
    protected void PostTurn()
    {
        if (Interlocked.Exchange(ref _turnPosted, 1) == 0)
        {
            _io.Post(TakeTurn);
        }
    }

    /// <summary>Continues with what had to wait: input that there was no room for, requests behind one that is done.</summary>
    protected abstract void Continue();

    /// <summary>Closes what only this kind of session has. Called once, at its end.</summary>
    protected abstract void OnClosed();

    private void TakeTurn()
    {
        Interlocked.Exchange(ref _turnPosted, 0);
        if (IsClosed)
        {
            return;
        }

        try
        {
            Connection.Send();
            if (!IsClosed)
            {
                Continue();
                CloseWhenDone();
            }
        }
        catch (Exception defect)
        {
            Failed(defect);
        }
    }

    private void CloseWhenDone()
    {
        if (_inputEnded && IsIdle && Outbound.IsEmpty)
        {
            Dispose();
        }
    }

    private void Overflowed() => _io.Post(() =>
    {
        if (!IsClosed)
        {
            _log.ClientDoesNotRead(OutboundQueue.DefaultLimit);
            Dispose();
        }
    });
}

// What a session is, whatever language its client speaks: bytes come in and become requests, answers wait in a queue and go
// out, and a turn on the I/O loop follows whenever there is more to send or room for more requests.
//
// A session continues in a program that replaces this one by exec: it is held, so that nothing of it moves, and written down; there another one takes
// what was written, and starts where this one was.
//
// A client that closes its sending side still gets its answers; the session ends with the last of them. One that has disconnected, or that leaves
// too much unread, loses what it had.

using System.Runtime.InteropServices;
using Microsoft.Extensions.Logging;
using Microsoft.Win32.SafeHandles;
using Vmm.Core.Loop;
using Vmm.Core.State;
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
    private volatile bool _isClosed;
    private bool _isHeld;
    private Action? _afterHold;

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
    protected bool IsClosed => _isClosed;

    /// <summary>Whether it began in another program.</summary>
    protected bool IsRestored { get; private set; }

    /// <summary>Whether there is still a client.</summary>
    internal bool IsOpen => !_isClosed;

    /// <summary>The client's socket, if it is one.</summary>
    internal SafeHandle? Socket => Connection.Socket;

    /// <summary>Whether nothing that the client has asked waits for its answer.</summary>
    protected abstract bool IsIdle { get; }

    /// <summary>Greets and starts to serve. One that was restored is not greeted and continues where it was.</summary>
    internal abstract void Start();

    /// <summary>Moves nothing until <see cref="Release"/>; what is sent to the client meanwhile is queued.</summary>
    internal void Hold()
    {
        _isHeld = true;
        Connection.Hold();
    }

    /// <summary>Moves again.</summary>
    internal void Release()
    {
        _isHeld = false;
        if (IsClosed)
        {
            return;
        }

        Connection.Continue();
        _afterHold?.Invoke();
        _afterHold = null;
        PostTurn();
    }

    /// <summary>Completes when no reply is being written.</summary>
    internal Task WrittenAsync() => Outbound.WhenFilled();

    /// <summary>Writes all that continues in another program. Machine loop, while it is held.</summary>
    /// <param name="record">Receives the bytes, as a <see cref="SessionRecord"/> reads them.</param>
    /// <param name="descriptors">Receives the descriptors in the order in which they are to be taken.</param>
    internal void Save(StateWriter record, SessionDescriptors descriptors)
    {
        record.WriteFlag(Socket is not null);
        record.WriteFlag(Connection.IsTyped);
        Outbound.Save(record);
        record.WriteList(Named.All, named => record.WriteText(named.Key));
        descriptors.Add(Socket);
        foreach (var (_, handle) in Named.All)
        {
            descriptors.Add(handle);
        }

        SaveRest(record, descriptors);
    }

    /// <summary>Takes what another program's session wrote, before it is started, and moves nothing until then. Machine loop.</summary>
    /// <param name="record">What it wrote.</param>
    /// <param name="descriptors">Its descriptors but for the client's socket.</param>
    internal void Restore(SessionRecord record, SessionDescriptors descriptors)
    {
        IsRestored = true;
        _isHeld = true;
        if (record.Outbound.Length > 0)
        {
            Outbound.Enqueue(record.Outbound);
        }

        foreach (string name in record.Named)
        {
            Named.Put(name, descriptors.Take());
        }

        TakeRest(record, descriptors);
    }

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
        if (IsClosed)
        {
            return;
        }

        _log.SessionFailed(defect.ToString());
        EndUnlessHeld(Dispose);
    }

    /// <summary>Ends the session.</summary>
    public void Dispose()
    {
        if (IsClosed)
        {
            return;
        }

        _isClosed = true;
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
    protected void Begin()
    {
        _isHeld = false;
        Connection.Start(_io, this);
    }

    /// <summary>Writes what only this kind of session has.</summary>
    protected abstract void SaveRest(StateWriter record, SessionDescriptors descriptors);

    /// <summary>Takes what <see cref="SaveRest"/> wrote.</summary>
    protected abstract void TakeRest(SessionRecord record, SessionDescriptors descriptors);

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
        if (IsClosed || _isHeld)
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

    private void Overflowed() => _io.Post(() => EndUnlessHeld(() =>
    {
        if (!IsClosed)
        {
            _log.ClientDoesNotRead(OutboundQueue.DefaultLimit);
            Dispose();
        }
    }));

    /// <summary>Ends the session for a reason that was found, but not between its record and the exec: its descriptors are named there.</summary>
    private void EndUnlessHeld(Action end)
    {
        if (_isHeld)
        {
            _afterHold += end;
        }
        else
        {
            end();
        }
    }
}

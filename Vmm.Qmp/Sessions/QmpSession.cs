// One client's QMP conversation.
//
// Three threads meet here, each with its part: the I/O loop moves bytes and cuts them into requests; StreamJsonRpc takes
// requests as they become due and runs each on the machine loop; the machine loop decides the order of what goes out, by
// taking a place in the outbound queue for every event when it happens and for every reply when its command ends.
//
// A client that closes its sending side still gets its replies. One that is gone loses what it had: requests that wait,
// half a request, descriptors. A command that is running goes on.

using System.Buffers;
using Microsoft.Extensions.Logging;
using Microsoft.Win32.SafeHandles;
using Vmm.Core.Loop;
using Vmm.Qmp.Schema;
using Vmm.Qmp.Wire;

namespace Vmm.Qmp.Sessions;

/// <summary>A QMP session, from greeting to end of file.</summary>
internal sealed class QmpSession : IConnectionUser, IEventSink, IDisposable
{
    private const string Negotiation = "qmp_capabilities";

    private readonly Connection _connection;
    private readonly QmpService _service;
    private readonly EventLoop _io;
    private readonly JsonSource _source = new();
    private readonly QmpMessageFormatter _formatter;
    private readonly RequestQueue _requests = new();
    private readonly OutboundQueue _outbound;
    private readonly ReceivedDescriptors _received = new();
    private readonly NamedDescriptors _named = new();
    private readonly TaskCompletionSource _completion = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly QmpRpc _rpc;
    private byte[] _unread = [];
    private long _receivedBytes;
    private bool _inputEnded;
    private bool _closed;
    private bool _negotiated;
    private int _turnPosted;

    internal QmpSession(Connection connection, QmpService service, EventLoop io, bool pretty)
    {
        _connection = connection;
        _service = service;
        _io = io;
        Pretty = pretty;
        _formatter = new QmpMessageFormatter(pretty);
        _outbound = new OutboundQueue(OutboundQueue.DefaultLimit, PostTurn, Overflowed);
        _rpc = new QmpRpc(new QmpMessageHandler(_formatter, _requests, _outbound, PostTurn), service.Machine, ExecuteAsync);
        connection.Outbound = _outbound;
    }

    /// <inheritdoc/>
    public bool WantsEvents { get; private set; }

    /// <inheritdoc/>
    public bool Pretty { get; }

    /// <summary>Completes when the client is gone and its things are put away.</summary>
    internal Task Completion => _completion.Task;

    /// <summary>Greets and starts to serve. I/O loop.</summary>
    internal void Start()
    {
        _outbound.Enqueue(QmpMessages.Greeting(_service.Version, Pretty));
        _rpc.StartListening();
        _service.Events.Add(this);
        _connection.Start(_io, this);
    }

    /// <summary>Completes when everything that is queued now has been sent, or the client is gone.</summary>
    internal Task FlushAsync() => _outbound.WhenEmpty();

    /// <inheritdoc/>
    public void Send(ReadOnlyMemory<byte> message) => _outbound.Enqueue(message);

    void IConnectionUser.Received(ReadOnlySpan<byte> bytes, IReadOnlyList<SafeFileHandle> descriptors)
    {
        _received.Add(descriptors, _receivedBytes, bytes);
        _receivedBytes += bytes.Length;
        Read(bytes);
    }

    void IConnectionUser.Ended(bool gone)
    {
        _inputEnded = true;
        if (gone)
        {
            Dispose();
        }
        else
        {
            CloseWhenDone();
        }
    }

    /// <summary>Ends the session. I/O loop.</summary>
    public void Dispose()
    {
        if (_closed)
        {
            return;
        }

        _closed = true;
        _service.Events.Remove(this);
        _requests.Close();
        _connection.Dispose();
        _received.Dispose();
        _rpc.Dispose();
        _service.Machine.Post(_named.Dispose);
        _completion.SetResult();
    }

    /// <summary>Cuts bytes into requests as long as there is room for them, and keeps the rest.</summary>
    private void Read(ReadOnlySpan<byte> bytes)
    {
        while (!bytes.IsEmpty && _requests.HasRoom(readAhead: _formatter.OobEnabled))
        {
            if (_source.Read(ref bytes) is { } item)
            {
                _requests.Add(_formatter.Read(item));
            }
        }

        _unread = bytes.ToArray();
        _connection.WantInput(_unread.Length == 0 && _requests.HasRoom(readAhead: _formatter.OobEnabled));
    }

    private void PostTurn()
    {
        if (Interlocked.Exchange(ref _turnPosted, 1) == 0)
        {
            _io.Post(TakeTurn);
        }
    }

    private void TakeTurn()
    {
        Interlocked.Exchange(ref _turnPosted, 0);
        if (_closed)
        {
            return;
        }

        _connection.Send();
        if (!_closed)
        {
            Read(_unread);
            CloseWhenDone();
        }
    }

    private void CloseWhenDone()
    {
        if (_inputEnded && _unread.Length == 0 && _requests.IsIdle && _outbound.IsEmpty)
        {
            Dispose();
        }
    }

    private void Overflowed() => _io.Post(() =>
    {
        if (!_closed)
        {
            _service.Log.ClientDoesNotRead(OutboundQueue.DefaultLimit);
            Dispose();
        }
    });

    /// <summary>Runs a request on the machine loop. The reply's place is taken where the command ends, before anything else can happen there.</summary>
    private async Task<object?> ExecuteAsync(QmpRequest request)
    {
        try
        {
            var command = Find(request);
            var result = new ArrayBufferWriter<byte>();
            await command.Invoke(new Context(this, request), request.CommandArguments, result);
            return command.SuccessResponse ? result : null;
        }
        catch (Exception e) when (e is not QmpException)
        {
            _service.Log.CommandFailed(request.Command, e);
            throw;
        }
        finally
        {
            _received.Release(request.End);
            request.Reply = _outbound.Reserve();
            WantsEvents = _negotiated;
        }
    }

    private QmpCommand Find(QmpRequest request)
    {
        if (request.Mistake is { } mistake)
        {
            throw mistake;
        }

        if (!_negotiated && request.Command != Negotiation)
        {
            throw QmpException.CommandNotFound($"Expecting capabilities negotiation with '{Negotiation}'");
        }

        if (!_service.Commands.TryGetValue(request.Command, out var command))
        {
            throw QmpException.CommandNotFound($"The command {request.Command} has not been found");
        }

        return request.IsOob && !command.AllowOob
            ? throw QmpException.GenericError($"The command {request.Command} does not support OOB")
            : command;
    }

    private sealed class Context(QmpSession session, QmpRequest request) : MonitorContext
    {
        public override bool IsOob => request.IsOob;

        public override NamedDescriptors Descriptors => session._named;

        public override void EnableCapabilities(IReadOnlyList<QMPCapability> capabilities)
        {
            if (session._negotiated)
            {
                throw QmpException.CommandNotFound("Capabilities negotiation is already complete, command ignored");
            }

            session._formatter.OobEnabled = capabilities.Contains(QMPCapability.Oob);
            session._negotiated = true;
        }

        public override System.Runtime.InteropServices.SafeHandle? TakeReceivedDescriptor() => session._received.Take(request.End);
    }
}

// One client's QMP conversation.
//
// Three threads meet here, each with its part: the I/O loop moves bytes and cuts them into requests; StreamJsonRpc takes
// requests as they become due and runs each on the machine loop; the machine loop decides the order of what goes out, by
// taking a place in the outbound queue for every event when it happens and for every reply when its command ends.
//
// A client that has disconnected loses what it had: requests that wait, half a request, descriptors. A command that is running continues.

using System.Buffers;
using Microsoft.Extensions.Logging;
using Microsoft.Win32.SafeHandles;
using Vmm.Core.Errors;
using Vmm.Core.Loop;
using Vmm.Core.Machines;
using Vmm.Core.State;
using Vmm.Qmp.Schema;
using Vmm.Qmp.Wire;

namespace Vmm.Qmp.Sessions;

/// <summary>A QMP session, from greeting to end of file.</summary>
internal sealed class QmpSession : ClientSession, IEventSink
{
    private const string Negotiation = "qmp_capabilities";
    private const string End = "quit";

    private readonly QmpService _service;
    private JsonSource _source = new();
    private readonly QmpMessageFormatter _formatter;
    private readonly RequestQueue _requests;
    private readonly ReceivedDescriptors _received = new();
    private QmpRpc? _rpc;
    private byte[] _unread = [];
    private IReadOnlyList<QmpRequest> _restored = [];
    private long _receivedBytes;
    private volatile bool _negotiated;

    internal QmpSession(Connection connection, QmpService service, EventLoop io, bool pretty)
        : base(connection, service.Machine, io, service.Log)
    {
        _service = service;
        Pretty = pretty;
        _formatter = new QmpMessageFormatter(pretty);
        _requests = new RequestQueue(NoteEndRequest, WithdrawEndRequest);
    }

    /// <inheritdoc/>
    public bool WantsEvents { get; private set; }

    /// <inheritdoc/>
    public bool Pretty { get; }

    /// <inheritdoc/>
    protected override bool IsIdle => _unread.Length == 0 && _requests.IsIdle;

    /// <inheritdoc/>
    internal override void Start()
    {
        if (IsClosed)
        {
            return;
        }

        if (!IsRestored)
        {
            Outbound.Enqueue(QmpMessages.Greeting(_service.Version, Pretty));
            _service.Events.Add(this);
        }

        // Not before: it is slow to make, and a session that is restored is made while the guest stands.
        _rpc = new QmpRpc(new QmpMessageHandler(_formatter, _requests, Outbound, PostTurn), _service.Machine, ExecuteAsync);
        _rpc.Disconnected += (_, end) =>
        {
            // It reports the end also when the session was ended here, and then that is closed already.
            if (end.Exception is { } defect)
            {
                PostFailure(defect);
            }
        };
        _rpc.StartListening();
        Begin();
        foreach (var request in _restored)
        {
            _requests.Add(request);
        }

        Read(_unread);
    }

    /// <inheritdoc/>
    public void Send(ReadOnlyMemory<byte> message) => Outbound.Enqueue(message);

    /// <inheritdoc/>
    public override void Received(ReadOnlySpan<byte> bytes, IReadOnlyList<SafeFileHandle> descriptors)
    {
        _received.Add(descriptors, _receivedBytes, bytes);
        _receivedBytes += bytes.Length;
        Read(bytes);
    }

    /// <inheritdoc/>
    protected override void Continue() => Read(_unread);

    /// <inheritdoc/>
    protected override void SaveRest(StateWriter record, SessionDescriptors descriptors)
    {
        record.WriteFlag(_negotiated);
        record.WriteFlag(_formatter.OobEnabled);
        record.WriteUInt64((ulong)_receivedBytes);
        _source.Save(record);
        record.WriteBlob(_unread);
        record.WriteList([.. _formatter.NotBegun], request => QmpRequestRecord.Write(record, request));
        record.WriteList(_received.Pending, sent =>
        {
            record.WriteUInt64((ulong)sent.Start);
            record.WriteUInt64((ulong)sent.End);
            descriptors.Add(sent.Handle);
        });
    }

    /// <inheritdoc/>
    protected override void TakeRest(SessionRecord record, SessionDescriptors descriptors)
    {
        var own = (QmpSessionRecord)record;
        _negotiated = WantsEvents = own.IsNegotiated;
        _formatter.OobEnabled = own.HasOob;
        _receivedBytes = own.ReceivedBytes;
        _source = own.Source;
        _unread = own.Unread;
        _restored = [.. own.Requests.Select(_formatter.Create)];
        foreach (var (start, end) in own.Sent)
        {
            _received.Add(descriptors.Take(), start, end);
        }

        _service.Events.Add(this);
    }

    /// <inheritdoc/>
    protected override void OnClosed()
    {
        _service.Events.Remove(this);
        _requests.Close();
        _received.Dispose();
        _rpc?.Dispose();
    }

    /// <summary>
    /// Cuts bytes into requests as long as there is room for them, and keeps the rest. Requests are read before those before them are
    /// answered, because one may be out of band, or ask for the end of a process in which a command is stuck; but not before the negotiation,
    /// which decides how the next ones are to be read.
    /// </summary>
    private void Read(ReadOnlySpan<byte> bytes)
    {
        while (!bytes.IsEmpty && _requests.HasRoom(readAhead: _negotiated))
        {
            if (_source.Read(ref bytes) is { } item)
            {
                _requests.Add(_formatter.Read(item));
            }
        }

        _unread = bytes.ToArray();
        Connection.WantInput(_unread.Length == 0 && _requests.HasRoom(readAhead: _negotiated));
    }

    /// <summary>Runs a request on the machine loop. The reply's place is taken where the command ends, before anything else can happen there.</summary>
    private async Task<object?> ExecuteAsync(QmpRequest request)
    {
        while (true)
        {
            var entering = _service.Hold.EnterAsync(request.Command);
            bool waited = !entering.IsCompleted;
            using var pass = await entering;
            if (waited && IsClosed)
            {
                WithdrawEndRequest(request);
                return null;
            }

            request.HasBegun = true;
            try
            {
                return await RunAsync(request);
            }
            catch (OperationWithdrawnException)
            {
                // It has had no effect, and waits for another turn, here or in the next program.
                request.HasBegun = false;
            }
        }
    }

    private async Task<object?> RunAsync(QmpRequest request)
    {
        bool isWithdrawn = false;
        try
        {
            var command = Find(request);
            var result = new ArrayBufferWriter<byte>();
            await command.Invoke(new Context(this, request), request.CommandArguments, result);
            return command.SuccessResponse ? result : null;
        }
        catch (OperationWithdrawnException)
        {
            isWithdrawn = true;
            throw;
        }
        catch (Exception e)
        {
            WithdrawEndRequest(request);
            if (e is VmmException)
            {
                throw e as QmpException ?? QmpException.GenericError(e.Message);
            }

            _service.Log.CommandFailed(request.Command, e.ToString());
            throw QmpException.Internal(e);
        }
        finally
        {
            if (!isWithdrawn)
            {
                _received.Release(request.End);
                request.Reply = Outbound.Reserve();
                WantsEvents = _negotiated;
            }
        }
    }

    private void NoteEndRequest(QmpRequest request)
    {
        if (request is { Command: End, RequestError: null, AsksForEnd: false } && _negotiated)
        {
            request.AsksForEnd = true;
            _service.EndWatch?.Requested();
        }
    }

    private void WithdrawEndRequest(QmpRequest request)
    {
        if (request.AsksForEnd)
        {
            request.AsksForEnd = false;
            _service.EndWatch?.Refused();
        }
    }

    private QmpCommand Find(QmpRequest request)
    {
        if (request.RequestError is { } error)
        {
            throw error;
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

        public override NamedDescriptors Descriptors => session.Named;

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

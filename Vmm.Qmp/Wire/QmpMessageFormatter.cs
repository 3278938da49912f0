// QMP's envelope for StreamJsonRpc: {"execute", "arguments", "id"} becomes a request, a result or error becomes
// {"return", "id"} or {"id", "error"}.
//
// StreamJsonRpc wants ids that are unique numbers or strings; QMP's may be any JSON value, repeat or be absent. So
// requests are numbered here, and the client's id waits beside the number until the reply is written.

using System.Buffers;
using System.Collections.Concurrent;
using System.Text.Json;
using StreamJsonRpc;
using StreamJsonRpc.Protocol;
using Vmm.Qmp.Schema;

namespace Vmm.Qmp.Wire;

/// <summary>Maps between QMP's messages and StreamJsonRpc's.</summary>
/// <param name="pretty">Whether replies are indented.</param>
internal sealed class QmpMessageFormatter(bool pretty) : IJsonRpcMessageFormatter
{
    private readonly ConcurrentDictionary<long, QmpRequest> _unanswered = new();
    private long _lastNumber;

    /// <summary>Whether <c>exec-oob</c> is understood.</summary>
    internal bool OobEnabled { get; set; }

    /// <summary>Reads a value or fault of the stream as a request.</summary>
    internal QmpRequest Read(in JsonItem item)
    {
        var request = item.Fault is null ? ReadEnvelope(item.Json) : WithError(item.Fault);
        request.End = item.End;
        return request;
    }

    /// <inheritdoc/>
    public JsonRpcMessage Deserialize(ReadOnlySequence<byte> contentBuffer) =>
        ReadEnvelope(contentBuffer.IsSingleSegment ? contentBuffer.First : contentBuffer.ToArray());

    /// <inheritdoc/>
    public void Serialize(IBufferWriter<byte> bufferWriter, JsonRpcMessage message)
    {
        switch (message)
        {
            case JsonRpcResult { Result: null }:
                break;
            case JsonRpcResult { Result: ArrayBufferWriter<byte> result } reply:
                QmpMessages.WriteResult(bufferWriter, result.WrittenSpan, RequestOf(reply.RequestId)?.ClientId ?? default, pretty);
                break;
            case JsonRpcError { Error: { } error } reply:
                string errorClass = error.Data as string ?? "GenericError";
                QmpMessages.WriteError(
                    bufferWriter, errorClass, error.Message ?? "", RequestOf(reply.RequestId)?.ClientId ?? default, pretty);
                break;
            default:
                throw new NotSupportedException($"QMP has no message like {message}");
        }
    }

    /// <summary>Requests that have not begun, in the order in which they came.</summary>
    internal IEnumerable<QmpRequest> NotBegun => _unanswered.Values.Where(request => !request.HasBegun).OrderBy(request => request.RequestId.Number);

    /// <summary>Numbers a request that came to another program before this one took its place.</summary>
    internal QmpRequest Create(QmpRequestRecord record)
    {
        var request = Create();
        request.ClientId = record.ClientId;
        request.Command = record.Command;
        request.CommandArguments = record.Arguments;
        request.IsOob = record.IsOob;
        request.RequestError = record.Error;
        request.End = record.End;
        return request;
    }

    /// <summary>The request that a reply answers, which is then forgotten; null if there is none.</summary>
    internal QmpRequest? TakeRequest(JsonRpcMessage reply) =>
        reply is IJsonRpcMessageWithId { RequestId.Number: { } number } && _unanswered.TryRemove(number, out var request) ? request : null;

    /// <inheritdoc/>
    public object GetJsonText(JsonRpcMessage message) => message.ToString() ?? "";

    private QmpRequest? RequestOf(RequestId id) => id.Number is { } number ? _unanswered.GetValueOrDefault(number) : null;

    private QmpRequest Create()
    {
        long number = Interlocked.Increment(ref _lastNumber);
        return _unanswered[number] = new QmpRequest(number);
    }

    private QmpRequest WithError(string description, QmpRequest? request = null)
    {
        request ??= Create();
        request.RequestError = QmpException.GenericError(description);
        return request;
    }

    private QmpRequest ReadEnvelope(ReadOnlyMemory<byte> json)
    {
        var reader = new Utf8JsonReader(json.Span, QapiJson.ReaderOptions);
        reader.Read();
        if (reader.TokenType != JsonTokenType.StartObject)
        {
            return WithError("QMP input must be a JSON object");
        }

        var request = Create();
        string? error = null;
        bool named = false;
        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            string member = reader.GetString()!;
            reader.Read();
            var type = reader.TokenType;
            long start = reader.TokenStartIndex;
            reader.Skip();
            var value = json[(int)start..(int)reader.BytesConsumed];
            switch (member)
            {
                case "id":
                    request.ClientId = value;
                    break;
                case "execute" or "exec-oob" when member == "execute" || OobEnabled:
                    if (type != JsonTokenType.String)
                    {
                        error ??= $"QMP input member '{member}' must be a string";
                        break;
                    }

                    if (named)
                    {
                        error ??= "QMP input member 'exec-oob' is unexpected";
                    }

                    named = true;
                    request.IsOob = member == "exec-oob";
                    request.Command = reader.GetString()!;
                    break;
                case "arguments":
                    request.CommandArguments = value;
                    error ??= type == JsonTokenType.StartObject ? null : "QMP input member 'arguments' must be an object";
                    break;
                default:
                    error ??= $"QMP input member '{Shortened(member)}' is unexpected";
                    break;
            }
        }

        error ??= named ? null : "QMP input lacks member 'execute'";
        if (error is not null)
        {
            request.IsOob = false;
            WithError(error, request);
        }

        return request;
    }

    private static string Shortened(string member) => member.Length <= 64 ? member : member[..64] + "...";
}

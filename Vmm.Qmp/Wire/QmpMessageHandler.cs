using System.Buffers;
using StreamJsonRpc;
using StreamJsonRpc.Protocol;

namespace Vmm.Qmp.Wire;

/// <summary>StreamJsonRpc's end of a QMP session: requests as they become due, replies into the places that their commands took.</summary>
/// <param name="formatter">Maps the messages.</param>
/// <param name="requests">Where requests come from.</param>
/// <param name="outbound">Where replies go.</param>
/// <param name="answered">Called after a reply was queued.</param>
internal sealed class QmpMessageHandler(QmpMessageFormatter formatter, RequestQueue requests, OutboundQueue outbound, Action answered)
    : MessageHandlerBase(formatter)
{
    /// <inheritdoc/>
    public override bool CanRead => true;

    /// <inheritdoc/>
    public override bool CanWrite => true;

    /// <inheritdoc/>
    protected override async ValueTask<JsonRpcMessage?> ReadCoreAsync(CancellationToken cancellationToken) =>
        await requests.NextAsync(cancellationToken).ConfigureAwait(false);

    /// <inheritdoc/>
    protected override ValueTask WriteCoreAsync(JsonRpcMessage content, CancellationToken cancellationToken)
    {
        var text = new ArrayBufferWriter<byte>();
        formatter.Serialize(text, content);
        if (formatter.TakeRequest(content) is { } request)
        {
            outbound.Fill(request.Reply ?? outbound.Reserve(), text.WrittenMemory);
            requests.Answered(request);
            answered();
        }

        return ValueTask.CompletedTask;
    }

    /// <inheritdoc/>
    protected override ValueTask FlushAsync(CancellationToken cancellationToken) => ValueTask.CompletedTask;
}

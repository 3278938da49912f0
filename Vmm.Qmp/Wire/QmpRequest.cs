using StreamJsonRpc;
using StreamJsonRpc.Protocol;
using Vmm.Qmp.Schema;

namespace Vmm.Qmp.Wire;

/// <summary>One message of a client, to be answered in its turn: a command, or a request error, which is the answer.</summary>
internal sealed class QmpRequest : JsonRpcRequest
{
    /// <summary>What every request is to StreamJsonRpc: a call of this one method with the request itself as argument.</summary>
    internal const string MethodName = "execute";

    /// <summary>Creates a request.</summary>
    /// <param name="number">Distinguishes the requests of a session; the client's id need not.</param>
    internal QmpRequest(long number)
    {
        Method = MethodName;
        RequestId = new RequestId(number);
        ArgumentsList = [this];
    }

    /// <summary>The client's id as strict JSON in ASCII; empty when it gave none.</summary>
    internal ReadOnlyMemory<byte> ClientId { get; set; }

    /// <summary>The command's name; empty for a request error.</summary>
    internal string Command { get; set; } = "";

    /// <summary>The arguments object as strict JSON, empty when absent.</summary>
    internal ReadOnlyMemory<byte> CommandArguments { get; set; }

    /// <summary>Whether it came as <c>exec-oob</c>.</summary>
    internal bool IsOob { get; set; }

    /// <summary>The error that answers it, when it never reaches a command.</summary>
    internal QmpException? RequestError { get; set; }

    /// <summary>Whether the process was notified that this request asks for its end.</summary>
    internal bool AsksForEnd { get; set; }

    /// <summary>Whether its command runs, or has run: it may have had an effect.</summary>
    internal bool HasBegun { get; set; }

    /// <summary>Bytes of the session's input up to the request's end.</summary>
    internal long End { get; set; }

    /// <summary>The reply's place among all that goes to the client.</summary>
    internal OutboundMessage? Reply { get; set; }
}

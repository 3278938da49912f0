using StreamJsonRpc;
using StreamJsonRpc.Protocol;
using Vmm.Qmp.Schema;
using Vmm.Qmp.Wire;

namespace Vmm.Qmp.Sessions;

/// <summary>StreamJsonRpc with QMP's errors: a class and a sentence, whatever was thrown.</summary>
internal sealed class QmpRpc : JsonRpc
{
    internal QmpRpc(QmpMessageHandler handler, SynchronizationContext machine, Func<QmpRequest, Task<object?>> execute)
        : base(handler)
    {
        SynchronizationContext = machine;
        CancellationStrategy = null;
        AddLocalRpcMethod(QmpRequest.MethodName, execute);
    }

    /// <inheritdoc/>
    protected override JsonRpcError.ErrorDetail CreateErrorDetails(JsonRpcRequest request, Exception exception)
    {
        var error = exception as QmpException ?? QmpException.Internal(exception);
        return new JsonRpcError.ErrorDetail { Code = JsonRpcErrorCode.InvocationError, Message = error.Description, Data = error.ErrorClass };
    }
}

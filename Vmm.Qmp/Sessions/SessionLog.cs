using Microsoft.Extensions.Logging;

namespace Vmm.Qmp.Sessions;

/// <summary>What sessions log.</summary>
internal static partial class SessionLog
{
    [LoggerMessage(Level = LogLevel.Warning, Message = "a monitor client left more than {Limit} bytes unread and was disconnected")]
    internal static partial void ClientDoesNotRead(this ILogger log, long limit);

    [LoggerMessage(Level = LogLevel.Error, Message = "internal error in monitor command '{Command}': {Trace}")]
    internal static partial void CommandFailed(this ILogger log, string command, string trace);

    [LoggerMessage(Level = LogLevel.Error, Message = "a client of monitor '{Name}' could not be served: {Reason}")]
    internal static partial void ClientNotServed(this ILogger log, string name, string reason);

    [LoggerMessage(Level = LogLevel.Error, Message = "internal error in a monitor session, which ends: {Trace}")]
    internal static partial void SessionFailed(this ILogger log, string trace);

    [LoggerMessage(Level = LogLevel.Warning, Message = "the client of monitor '{Name}' is disconnected: this program has no such monitor, or one where something else is spoken")]
    internal static partial void SessionNotContinued(this ILogger log, string name);

    [LoggerMessage(Level = LogLevel.Error, Message = "internal error on the monitors' loop: {Trace}")]
    internal static partial void MonitorLoopFailed(this ILogger log, string trace);

    [LoggerMessage(Level = LogLevel.Warning, Message = "the host does not watch a monitor's descriptor, which is polled until it does: {Reason}")]
    internal static partial void MonitorPolled(this ILogger log, string reason);
}

using Microsoft.Extensions.Logging;

namespace Vmm.Qmp.Sessions;

/// <summary>What sessions tell the log.</summary>
internal static partial class SessionLog
{
    [LoggerMessage(Level = LogLevel.Warning, Message = "a monitor client left more than {Limit} bytes unread and was disconnected")]
    internal static partial void ClientDoesNotRead(this ILogger log, long limit);

    [LoggerMessage(Level = LogLevel.Error, Message = "monitor command '{Command}' failed")]
    internal static partial void CommandFailed(this ILogger log, string command, Exception exception);

    [LoggerMessage(Level = LogLevel.Error, Message = "monitor '{Name}' ends")]
    internal static partial void MonitorFailed(this ILogger log, string name, Exception exception);

    [LoggerMessage(Level = LogLevel.Error, Message = "a monitor failed")]
    internal static partial void MonitorLoopFailed(this ILogger log, Exception exception);
}

using Microsoft.Extensions.Logging;

namespace Vmm.Core.Backends.Net;

internal static partial class StreamLog
{
    [LoggerMessage(Level = LogLevel.Information, Message = "netdev '{id}': the peer has closed the connection")]
    internal static partial void Ended(ILogger logger, string id);

    [LoggerMessage(Level = LogLevel.Warning, Message = "netdev '{id}': the connection is ended: {reason}")]
    internal static partial void Lost(ILogger logger, string id, string reason);

    [LoggerMessage(Level = LogLevel.Warning, Message = "netdev '{id}': {reason}; trying again every {milliseconds} ms")]
    internal static partial void ConnectFailed(ILogger logger, string id, string reason, long milliseconds);

    [LoggerMessage(Level = LogLevel.Warning, Message = "netdev '{id}': {program} {outcome}; the guest has no network until it is started again, in {seconds} s")]
    internal static partial void ProgramEnded(ILogger logger, string id, string program, string outcome, double seconds);

    [LoggerMessage(Level = LogLevel.Information, Message = "netdev '{id}': {program} is started again; connections that the guest had are lost")]
    internal static partial void ProgramRestarted(ILogger logger, string id, string program);

    [LoggerMessage(Level = LogLevel.Error, Message = "netdev '{id}': {reason}")]
    internal static partial void ProgramNotStarted(ILogger logger, string id, string reason);

    [LoggerMessage(Level = LogLevel.Warning, Message = "a program of this process cannot be ended, and ends with its connection: {reason}")]
    internal static partial void ProgramNotEnded(ILogger logger, string reason);
}

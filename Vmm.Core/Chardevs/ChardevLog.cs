using Microsoft.Extensions.Logging;

namespace Vmm.Core.Chardevs;

internal static partial class ChardevLog
{
    [LoggerMessage(Level = LogLevel.Warning, Message = "chardev '{label}': output is lost: {reason}")]
    internal static partial void OutputLost(ILogger logger, string label, string reason);

    [LoggerMessage(Level = LogLevel.Warning, Message = "chardev '{label}': output is missing in its logfile: {reason}")]
    internal static partial void NotLogged(ILogger logger, string label, string reason);

    [LoggerMessage(Level = LogLevel.Warning, Message = "cannot accept a client on '{address}', trying again in a second: {reason}")]
    internal static partial void AcceptFailed(ILogger logger, string address, string reason);

    [LoggerMessage(Level = LogLevel.Warning, Message = "chardev '{label}': {reason}; trying again every {milliseconds} ms")]
    internal static partial void ConnectFailed(ILogger logger, string label, string reason, long milliseconds);

    [LoggerMessage(Level = LogLevel.Warning, Message = "the socket '{path}' was shut down by another process that has it; listening there again")]
    internal static partial void ListenerRenewed(ILogger logger, string path);

    [LoggerMessage(Level = LogLevel.Error, Message = "the socket '{path}' was shut down by another process that has it, trying again in a second: {reason}")]
    internal static partial void ListenerNotRenewed(ILogger logger, string path, string reason);

    [LoggerMessage(Level = LogLevel.Error, Message = "'{address}' accepts no more clients: another process shut the inherited socket down")]
    internal static partial void ListenerLost(ILogger logger, string address);

    [LoggerMessage(Level = LogLevel.Warning, Message = "'{path}' is left behind: {reason}")]
    internal static partial void NameNotRemoved(ILogger logger, string path, string reason);

    [LoggerMessage(Level = LogLevel.Warning, Message = "if another process shuts '{address}' down, it stays so: {reason}")]
    internal static partial void NotGuarded(ILogger logger, string address, string reason);
}

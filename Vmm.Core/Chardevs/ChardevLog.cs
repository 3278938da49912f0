using Microsoft.Extensions.Logging;

namespace Vmm.Core.Chardevs;

internal static partial class ChardevLog
{
    [LoggerMessage(Level = LogLevel.Warning, Message = "chardev '{label}': output is lost: {reason}")]
    internal static partial void OutputLost(ILogger logger, string label, string reason);

    [LoggerMessage(Level = LogLevel.Warning, Message = "chardev '{label}': no more input: {reason}")]
    internal static partial void InputLost(ILogger logger, string label, string reason);

    [LoggerMessage(Level = LogLevel.Warning, Message = "cannot accept a client on '{address}', trying again in a second: {reason}")]
    internal static partial void AcceptFailed(ILogger logger, string address, string reason);

    [LoggerMessage(Level = LogLevel.Warning, Message = "chardev '{label}': {reason}; trying again in {seconds} s")]
    internal static partial void ConnectFailed(ILogger logger, string label, string reason, int seconds);
}

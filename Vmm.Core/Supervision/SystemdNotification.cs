// What this process says to systemd, where that supervises it and wants to hear: datagrams of lines NAME=VALUE to the socket that the variable
// NOTIFY_SOCKET names (sd_notify(3)), a path or, after an '@', a name in the abstract name space.
//
// systemd follows one process of a service, its main process, and ends the others when that ends. So which process that is must be said before the guest
// changes its process, and by one that systemd believes: with NotifyAccess=main, the default of Type=notify, only the main process itself.
//
// Nothing depends on a message. A supervisor that cannot be reached is a warning in the log, and nothing waits for one that does not read.

using System.Globalization;
using System.Text;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;
using Vmm.Core.Native;

namespace Vmm.Core.Supervision;

/// <summary>The messages to the supervisor; none where there is no supervisor that listens. No member throws or waits. Any thread.</summary>
public sealed partial class SystemdNotification
{
    /// <summary>The variable of the environment that names the supervisor's socket. It stays there for programs that this one starts or becomes.</summary>
    public const string Variable = "NOTIFY_SOCKET";

    private readonly string? _socket;
    private readonly ILogger _log;

    /// <summary>Messages to a socket.</summary>
    /// <param name="socket">Its path, or '@' and its abstract name; null or empty where no one listens.</param>
    /// <param name="log">Where it is reported that a message could not be sent.</param>
    public SystemdNotification(string? socket, ILogger log)
    {
        _socket = string.IsNullOrEmpty(socket) ? null : socket;
        _log = log;
    }

    /// <summary>Messages to no one.</summary>
    public static SystemdNotification None { get; } = new(null, NullLogger.Instance);

    /// <summary>Messages to the socket that the environment names.</summary>
    /// <param name="log">Where it is reported that a message could not be sent.</param>
    public static SystemdNotification FromEnvironment(ILogger log) => new(Environment.GetEnvironmentVariable(Variable), log);

    /// <summary>Whether there is a socket to send to.</summary>
    public bool IsHeard => _socket is not null;

    /// <summary>The start is complete.</summary>
    public void Ready() => Send("READY=1");

    /// <summary>This process ends in an orderly way, and the guest with it.</summary>
    public void Stopping() => Send("STOPPING=1");

    /// <summary>This process is the one to follow.</summary>
    public void FollowThis() => Follow(Environment.ProcessId);

    /// <summary>The process to follow is this or another one of the service.</summary>
    /// <param name="process">Its number.</param>
    public void Follow(int process) => Send(string.Create(CultureInfo.InvariantCulture, $"MAINPID={process}"));

    private void Send(string message)
    {
        if (_socket is null)
        {
            return;
        }

        try
        {
            if (!TrySend(_socket, Encoding.ASCII.GetBytes(message)))
            {
                LogNotSent(_log, _socket, message, "its queue is full");
            }
        }
        catch (Exception e) when (e is IOException or ArgumentException)
        {
            LogNotSent(_log, _socket, message, e.Message);
        }
    }

    private static bool TrySend(string socket, ReadOnlySpan<byte> message) => socket[0] switch
    {
        '/' => UnixDatagram.TrySend(socket, message),
        '@' => UnixDatagram.TrySendAbstract(socket[1..], message),
        _ => throw new ArgumentException($"{Variable} should be an absolute path, or '@' and an abstract name"),
    };

    [LoggerMessage(Level = LogLevel.Warning, Message = "the supervisor at '{Socket}' did not get {Text}: {Reason}")]
    private static partial void LogNotSent(ILogger log, string socket, string text, string reason);
}

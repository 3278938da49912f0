using System.Globalization;
using System.Net;
using System.Text;
using Vmm.Core.Chardevs;
using Vmm.Core.Devices.Model;

namespace Vmm.Core.Configuration;

/// <summary>What a character back end must keep, whatever other back ends there are.</summary>
public static class ChardevRules
{
    private const int LongestName = 107;
    private const long LongestReconnect = int.MaxValue * 1000L;

    /// <summary>What is wrong with a back end; null for one that is right.</summary>
    public static string? Violation(ChardevConfiguration chardev)
    {
        ArgumentNullException.ThrowIfNull(chardev);
        return !IdProperty.IsId(chardev.Id) ? $"Parameter 'id' expects {IdProperty.Expected}, not '{chardev.Id}'"
            : chardev.LogFile is { } log && WrongPath("logfile", log) is { } wrongLog ? wrongLog
            : chardev switch
            {
                FileChardevConfiguration file => WrongPath("path", file.Path),
                PtyChardevConfiguration { Path: { } link } => WrongPath("path", link),
                RingbufChardevConfiguration ring when !RingbufChardev.IsSize(ring.Size) =>
                    $"size of ringbuf chardev must be power of two: expected 1 to {RingbufChardev.LargestSize} bytes, not {ring.Size}",
                SocketChardevConfiguration socket => Violation(socket),
                _ => null,
            };
    }

    private static string? Violation(SocketChardevConfiguration socket) => socket switch
    {
        { Wait: true, Server: false } => "'wait' option is incompatible with socket in client connect mode",
        { ReconnectMilliseconds: < 0 or > LongestReconnect } => $"Parameter 'reconnect-ms' expects 0 to {LongestReconnect}, not {socket.ReconnectMilliseconds}",
        { ReconnectMilliseconds: > 0, Server: true } => "'reconnect' option is incompatible with socket in server listen mode",
        { ReconnectMilliseconds: > 0, Descriptor: not null } => "'reconnect' option is incompatible with 'fd' address type",
        { Abstract: true, Path: { } name } when Encoding.UTF8.GetByteCount(name) is 0 or > LongestName =>
            $"Parameter 'path' expects a name of 1 to {LongestName} bytes with abstract=on, not {Encoding.UTF8.GetByteCount(name)} bytes",
        { Abstract: false, Path: { } path } => WrongPath("path", path) ?? (Encoding.UTF8.GetByteCount(path) > LongestName
            ? $"Parameter 'path' expects a path of 1 to {LongestName} bytes, not {Encoding.UTF8.GetByteCount(path)} bytes"
            : null),
        { Host: { } host } when TcpAddress.TryMake(host, Math.Clamp(socket.Port, 0, IPEndPoint.MaxPort), socket.Ipv4, socket.Ipv6) is null =>
            $"Parameter 'host' expects an IP address or localhost, of the kind that ipv4 and ipv6 admit, not '{host}': names are not resolved",
        { Host: not null, Port: < 0 or > IPEndPoint.MaxPort } => WrongPort("port", socket.Port),
        { Host: not null, LastPort: < 0 or > IPEndPoint.MaxPort } => WrongPort("to", socket.LastPort),
        _ => null,
    };

    private static string? WrongPath(string name, string path) => path.Length == 0 ? $"Parameter '{name}' expects a path, not ''"
        : path.Contains('\0', StringComparison.Ordinal) ? $"Parameter '{name}' expects a path without zero bytes"
        : null;

    private static string WrongPort(string name, int port) =>
        string.Create(CultureInfo.InvariantCulture, $"Parameter '{name}' expects a number from 0 to {IPEndPoint.MaxPort}, not {port}");
}

using System.Globalization;

namespace Vmm.Core.Configuration;

/// <summary>Spells a character back end as the command line takes it: "-chardev pty,id=c0".</summary>
public static class ChardevOptionText
{
    /// <summary>The option. A descriptor is another number in another process, so it is left to be filled in.</summary>
    public static string Of(ChardevConfiguration chardev)
    {
        ArgumentNullException.ThrowIfNull(chardev);
        (string Key, string? Value)[] options =
        [
            ("id", chardev.Id),
            .. chardev switch
            {
                StdioChardevConfiguration stdio => [("signal", stdio.Signal ? null : "off")],
                FileChardevConfiguration file => [("path", file.Path), ("append", file.Append ? "on" : null)],
                PtyChardevConfiguration pty => [("path", pty.Path)],
                RingbufChardevConfiguration ring => [("size", Number(ring.Size))],
                SocketChardevConfiguration socket => OptionsOf(socket),
                _ => Array.Empty<(string, string?)>(),
            },
            ("mux", chardev.Mux ? "on" : null),
            ("logfile", chardev.LogFile),
            ("logappend", chardev.LogAppend ? "on" : null),
        ];
        return $"-chardev {string.Join(',', [chardev.Backend, .. options.Where(option => option.Value is not null).Select(option => $"{option.Key}={Escaped(option.Value!)}")])}";
    }

    private static (string, string?)[] OptionsOf(SocketChardevConfiguration socket) =>
    [
        ("path", socket.Path),
        ("abstract", socket.Abstract ? "on" : null),
        ("tight", socket.Tight ? null : "off"),
        ("host", socket.Host),
        ("port", socket.Host is null ? null : Number(socket.Port)),
        ("to", socket.LastPort > 0 ? Number(socket.LastPort) : null),
        ("ipv4", Switch(socket.Ipv4)),
        ("ipv6", Switch(socket.Ipv6)),
        ("nodelay", socket.NoDelay ? "on" : null),
        ("reconnect-ms", socket.ReconnectMilliseconds > 0 ? Number(socket.ReconnectMilliseconds) : null),
        ("fd", socket.Descriptor is null ? null : "FD"),
        ("server", socket.Server ? "on" : null),
        ("wait", socket.Server && !socket.Wait ? "off" : null),
    ];

    private static string Escaped(string value) => value.Replace(",", ",,", StringComparison.Ordinal);

    private static string? Switch(bool? value) => value is { } given ? (given ? "on" : "off") : null;

    private static string Number<T>(T value)
        where T : IFormattable => value.ToString(null, CultureInfo.InvariantCulture);
}

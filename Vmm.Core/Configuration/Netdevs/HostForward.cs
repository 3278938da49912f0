using System.Globalization;
using System.Net;
using Vmm.Core.Backends.Net;

namespace Vmm.Core.Configuration.Netdevs;

/// <summary>A port of the host that leads to one of the guest: hostfwd=[tcp|udp]:[HOSTADDR]:HOSTPORT-[GUESTADDR]:GUESTPORT.</summary>
/// <param name="IsUdp">Whether it is a port of UDP.</param>
/// <param name="HostAddress">The address of the host that it is at; null for every one.</param>
/// <param name="HostPort">The port of the host.</param>
/// <param name="GuestAddress">The address of the guest; null for the one that it is given.</param>
/// <param name="GuestPort">The port of the guest.</param>
public sealed record HostForward(bool IsUdp, uint? HostAddress, int HostPort, uint? GuestAddress, int GuestPort)
{
    /// <summary>Reads a rule.</summary>
    /// <exception cref="NetException">It is none; in QEMU's words.</exception>
    public static HostForward Parse(string rule)
    {
        ArgumentNullException.ThrowIfNull(rule);
        string rest = rule;
        string protocol = Before(':', "No : separators");
        bool isUdp = protocol switch
        {
            "" or "tcp" => false,
            "udp" => true,
            _ => throw Wrong("Bad protocol name"),
        };
        uint? host = AddressOf(Before(':', "Missing : separator"), "Bad host address");
        int hostPort = PortOf(Before('-', "Bad host port separator"), "Bad host port");
        uint? guest = AddressOf(Before(':', "Missing guest address"), "Bad guest address");
        return new HostForward(isUdp, host, hostPort, guest, PortOf(rest, "Bad guest port"));

        string Before(char separator, string otherwise)
        {
            int at = rest.IndexOf(separator, StringComparison.Ordinal);
            string taken = at >= 0 ? rest[..at] : throw Wrong(otherwise);
            rest = rest[(at + 1)..];
            return taken;
        }

        uint? AddressOf(string text, string otherwise) => text.Length == 0 ? null : Ipv4Subnet.TryParseAddress(text) ?? throw Wrong(otherwise);

        int PortOf(string text, string otherwise) =>
            int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out int port) && port is > 0 and <= IPEndPoint.MaxPort ? port : throw Wrong(otherwise);

        NetException Wrong(string why) => new($"Invalid host forwarding rule '{rule}' ({why})");
    }

    /// <summary>The rule as passt's -t and -u take it: [HOSTADDR/]HOSTPORT:GUESTPORT.</summary>
    public string ForPasst() => string.Create(
        CultureInfo.InvariantCulture, $"{(HostAddress is { } address ? $"{Ipv4Subnet.Text(address)}/" : "")}{HostPort}:{GuestPort}");
}

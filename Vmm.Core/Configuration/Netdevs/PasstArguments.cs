// The options of -netdev user in the words of passt(1), which is the network: Debian 12's passt of March 2023, and later ones.
//
//     net=10.0.2.0/24        --address 10.0.2.15 --netmask 24 --gateway 10.0.2.2   (host= and dhcpstart= move the last two)
//     dns=10.0.2.3           --dns-forward 10.0.2.3                                 (what is sent there goes to the host's name server)
//     hostfwd=tcp::2222-:22  --tcp-ports 2222:22
//
// QEMU's own network has addresses of its own; passt gives the guest the host's address unless net=, host= or dhcpstart= asks for such a network. By
// itself passt forwards ports of UDP where it forwards those of TCP, which was not asked for: so the ports are always named, or `none`.

using System.Globalization;
using System.Net;
using System.Net.Sockets;
using Vmm.Core.Backends.Net;

namespace Vmm.Core.Configuration.Netdevs;

/// <summary>Translates -netdev user for passt.</summary>
public static class PasstArguments
{
    private const string DefaultNetwork = "10.0.2.0/24";

    // Where QEMU's network has its stations, cut to the bits that stations have.
    private const uint HostStation = 0x0202;
    private const uint GuestStation = 0x020f;

    /// <summary>passt's arguments.</summary>
    /// <exception cref="NetException">An option is wrong, or is none that passt can do.</exception>
    public static IReadOnlyList<string> Of(UserOptions options)
    {
        ArgumentNullException.ThrowIfNull(options);
        if (options.Restrict == true)
        {
            throw new NetException("restrict=on is not supported: expected off; passt has no network without the host's");
        }

        var (ipv4, ipv6) = Families(options);
        bool hasNetwork = (options.Network ?? options.Host ?? options.DhcpStart) is not null;
        if (!ipv4 && (hasNetwork || options.Dns is not null || options.HostForwards.Count > 0))
        {
            throw new NetException("net, host, dhcpstart, dns and hostfwd are IPv4's: expected ipv4=on, or none of them");
        }

        if (!ipv6 && options.Ipv6Dns is not null)
        {
            throw new NetException("ipv6-dns is IPv6's: expected ipv6=on, or no ipv6-dns");
        }

        uint? guest = null;
        var arguments = new List<string>();
        arguments.AddRange(ipv4 && ipv6 ? [] : [ipv4 ? "--ipv4-only" : "--ipv6-only"]);
        if (hasNetwork)
        {
            arguments.AddRange(NetworkOf(options, out uint address));
            guest = address;
        }

        arguments.AddRange(NameServersOf(options));
        arguments.AddRange(PortsOf(options, guest));
        return arguments;
    }

    /// <summary>Which of the two protocols the guest has: a protocol that is asked for is the only one unless the other is asked for too.</summary>
    private static (bool Ipv4, bool Ipv6) Families(UserOptions options)
    {
        bool ipv4 = options.Ipv4 ?? options.Ipv6 != true;
        bool ipv6 = options.Ipv6 ?? options.Ipv4 != true;
        return ipv4 || ipv6 ? (ipv4, ipv6) : throw new NetException("IPv4 and IPv6 disabled");
    }

    private static string[] NetworkOf(UserOptions options, out uint guest)
    {
        var network = Ipv4Subnet.TryParse(options.Network ?? DefaultNetwork)
            ?? throw new NetException($"Failed to parse netmask: expected net=ADDRESS/BITS, as {DefaultNetwork}, with 4 to 30 bits, not '{options.Network}'");
        uint host = StationOf(network, options.Host, HostStation, "Failed to parse host", "Host doesn't belong to network");
        guest = StationOf(network, options.DhcpStart, GuestStation, "Failed to parse DHCP start address", "DHCP doesn't belong to network");
        if (guest == host)
        {
            throw new NetException($"DHCP must be different from host: both are {Ipv4Subnet.Text(guest)}; expected another host= or dhcpstart=");
        }

        if (options.Dns is { } dns && Ipv4Subnet.TryParseAddress(dns) is { } server && (server == host || server == guest))
        {
            throw new NetException(server == host ? "DNS must be different from host" : "DNS must be different from DHCP");
        }

        return ["--address", Ipv4Subnet.Text(guest), "--netmask", network.Bits.ToString(CultureInfo.InvariantCulture), "--gateway", Ipv4Subnet.Text(host)];
    }

    private static uint StationOf(Ipv4Subnet network, string? given, uint number, string notAnAddress, string notInside)
    {
        uint address = given is null ? network.Station(number)
            : Ipv4Subnet.TryParseAddress(given) ?? throw new NetException($"{notAnAddress}: expected an IPv4 address, not '{given}'");
        return network.Contains(address) ? address : throw new NetException($"{notInside}: {given} is not in {Ipv4Subnet.Text(network.Address)}/{network.Bits}");
    }

    private static IEnumerable<string> NameServersOf(UserOptions options)
    {
        if (options.Dns is { } dns)
        {
            yield return "--dns-forward";
            yield return Ipv4Subnet.Text(Ipv4Subnet.TryParseAddress(dns) ?? throw new NetException($"Failed to parse DNS: expected an IPv4 address, not '{dns}'"));
        }

        if (options.Ipv6Dns is { } dns6)
        {
            yield return "--dns-forward";
            yield return IPAddress.TryParse(dns6, out var address) && address is { AddressFamily: AddressFamily.InterNetworkV6, ScopeId: 0 }
                ? address.ToString()
                : throw new NetException($"Failed to parse IPv6 DNS: expected an IPv6 address, not '{dns6}'");
        }

        if (options.DnsSearch.FirstOrDefault(static domain => !IsDomain(domain)) is { } wrong)
        {
            throw new NetException($"Parameter 'dnssearch' expects the name of a domain, not '{wrong}'");
        }

        if (options.DnsSearch.Count > 0)
        {
            yield return "--search";
            yield return string.Join(' ', options.DnsSearch);
        }
    }

    private static IEnumerable<string> PortsOf(UserOptions options, uint? guest)
    {
        HostForward[] rules = [.. options.HostForwards.Select(HostForward.Parse)];
        foreach (var rule in rules.Where(rule => rule.GuestAddress is not null && rule.GuestAddress != guest))
        {
            throw new NetException(
                $"hostfwd leads to the guest's own address: expected no guest address{(guest is { } own ? $", or {Ipv4Subnet.Text(own)}" : "")}, "
                + $"not {Ipv4Subnet.Text(rule.GuestAddress!.Value)}");
        }

        var taken = new HashSet<(bool, int)>();
        foreach (var (rule, text) in rules.Zip(options.HostForwards))
        {
            if (!taken.Add((rule.IsUdp, rule.HostPort)))
            {
                throw new NetException($"Could not set up host forwarding rule '{text}': another rule has the port, and passt forwards each once, at whatever address");
            }
        }

        foreach (var rule in rules)
        {
            yield return rule.IsUdp ? "--udp-ports" : "--tcp-ports";
            yield return rule.ForPasst();
        }

        if (rules.Length > 0 && !rules.Any(static rule => rule.IsUdp))
        {
            yield return "--udp-ports";
            yield return "none";
        }
    }

    private static bool IsDomain(string domain) =>
        domain.Length is > 0 and < 255 && char.IsAsciiLetterOrDigit(domain[0]) && domain.All(static c => char.IsAsciiLetterOrDigit(c) || c is '.' or '-' or '_');
}

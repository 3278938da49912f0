// HOST and PORT of a TCP chardev. HOST is an IP address, localhost, or for a server nothing, which is every address of the host. Names are not
// resolved: the answer may take seconds, on the loop that has the guest.

using System.Globalization;
using System.Net;
using System.Net.Sockets;

namespace Vmm.Core.Chardevs;

/// <summary>A host and a port.</summary>
public sealed class TcpAddress
{
    private const string LocalHost = "localhost";

    private readonly string _host;
    private readonly IPAddress[] _addresses;

    private TcpAddress(string host, int port, IPAddress[] addresses)
    {
        _host = host;
        Port = port;
        _addresses = addresses;
    }

    /// <summary>The port; 0 to listen at one of the kernel's choice.</summary>
    public int Port { get; }

    /// <summary>The addresses to listen at: the first that the host has.</summary>
    internal IReadOnlyList<IPAddress> ToListenAt => _addresses;

    /// <summary>The addresses to connect to, one after the other.</summary>
    internal IReadOnlyList<IPEndPoint> ToConnectTo => [.. _addresses.Select(address => new IPEndPoint(
        address.Equals(IPAddress.IPv6Any) ? IPAddress.IPv6Loopback : address.Equals(IPAddress.Any) ? IPAddress.Loopback : address, Port))];

    /// <summary>An address; null if there is none such.</summary>
    /// <param name="host">An IP address, localhost or nothing.</param>
    /// <param name="port">The port.</param>
    /// <param name="ipv4">Whether IPv4 may be used; null as <paramref name="ipv6"/> says, or both.</param>
    /// <param name="ipv6">Whether IPv6 may be used.</param>
    public static TcpAddress? TryMake(string host, int port, bool? ipv4, bool? ipv6)
    {
        ArgumentNullException.ThrowIfNull(host);
        IPAddress[] all = host.Length == 0 ? [IPAddress.IPv6Any, IPAddress.Any]
            : host == LocalHost ? [IPAddress.Loopback, IPAddress.IPv6Loopback]
            : IPAddress.TryParse(host, out var given) ? [given]
            : [];
        IPAddress[] admitted = [.. all.Where(address => address.AddressFamily == AddressFamily.InterNetwork ? ipv4 ?? ipv6 != true : ipv6 ?? ipv4 != true)];
        return admitted.Length == 0 ? null : new TcpAddress(host, port, admitted);
    }

    /// <summary>The address as messages and query-chardev show it.</summary>
    /// <param name="port">The port if another than asked for was taken.</param>
    public string Text(int? port = null) => string.Create(CultureInfo.InvariantCulture, $"{_host}:{port ?? Port}");
}

// Where a TCP address leads. A live update stays on one host, so no name is looked up but localhost: a look-up may take
// its time, and nothing that runs on the machine loop may wait.

using System.Globalization;
using System.Net;

namespace Vmm.Migration.Channels;

/// <summary>Turns TCP addresses into what the kernel takes.</summary>
internal static class InetEndPoints
{
    /// <summary>Where to connect to, in the order in which to try.</summary>
    /// <exception cref="ChannelAddressException">Not an address and a port that one can connect to.</exception>
    internal static IReadOnlyList<IPEndPoint> ToConnect(InetAddress address) =>
        Of(address.Host.Length == 0 ? address with { Host = "localhost" } : address, leastPort: 1);

    /// <summary>Where to listen, in the order in which to try; port 0 leaves the port to the kernel.</summary>
    /// <exception cref="ChannelAddressException">Not an address and a port that one can listen at.</exception>
    internal static IReadOnlyList<IPEndPoint> ToListen(InetAddress address) => Of(address, leastPort: 0);

    private static IReadOnlyList<IPEndPoint> Of(InetAddress address, int leastPort)
    {
        if (!ushort.TryParse(address.Port, NumberStyles.None, CultureInfo.InvariantCulture, out ushort port) || port < leastPort)
        {
            throw new ChannelAddressException($"{address}: a port from {leastPort} to 65535 was expected, not '{address.Port}'");
        }

        IPAddress[] hosts = address.Host switch
        {
            "" => [IPAddress.IPv6Any, IPAddress.Any],
            "localhost" => [IPAddress.Loopback, IPAddress.IPv6Loopback],
            var host when IPAddress.TryParse(host, out var ip) => [ip],
            var name => throw new ChannelAddressException(
                $"{address}: an IP address or localhost was expected, not '{name}': a live update stays on its host"),
        };
        return [.. hosts.Select(host => new IPEndPoint(host, port))];
    }
}

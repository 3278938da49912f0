// The host's end of a guest's network: a tap whose other side is the host's own stack, which answers the echo requests of the guest
// "queues". The benchmark runs in a network namespace of its own (bench/run), so nothing of the machine's network is touched.

using System.Globalization;
using Vmm.Bench.Processes;

namespace Vmm.Bench.Handover.Contenders;

/// <summary>A tap with the address 192.0.2.1, and as many neighbours as it has pairs of queues, from 192.0.2.2 on.</summary>
internal sealed class HostTap : IDisposable
{
    private const string Interface = "vmm-bench";
    private const string GuestMac = "52:54:00:12:34:56";

    private readonly Scratch _scratch;
    private readonly int _pairs;

    /// <summary>Makes it.</summary>
    /// <param name="scratch">What runs programs.</param>
    /// <param name="pairs">How many pairs of queues it can have.</param>
    internal HostTap(Scratch scratch, int pairs)
    {
        (_scratch, _pairs) = (scratch, pairs);
        Ip("tuntap", "add", "dev", Interface, "mode", "tap", "vnet_hdr", "multi_queue");
        Ip("address", "add", "192.0.2.1/24", "dev", Interface);
        Ip("link", "set", Interface, "up");
        for (int pair = 0; pair < pairs; pair++)
        {
            Ip("neighbour", "add", string.Create(CultureInfo.InvariantCulture, $"192.0.2.{2 + pair}"), "lladdr", GuestMac, "dev", Interface, "nud", "permanent");
        }
    }

    /// <summary>The arguments of vmm.</summary>
    internal string[] Arguments => ["-netdev", $"tap,id=n0,ifname={Interface},queues={_pairs},script=no,downscript=no", "-device", $"virtio-net-device,netdev=n0,mq=on,mac={GuestMac}"];

    /// <inheritdoc/>
    public void Dispose() => Ip("link", "delete", Interface);

    private void Ip(params string[] arguments) => _scratch.Output("ip", arguments);
}

// How a Linux guest of demo and tests is on the network: by a tap where one can be made, otherwise by passt, which needs no rights. Its address is the same
// on both (lab/guest-init); a client reaches the tap's by routing, passt's by a port of the host that is forwarded.

using System.Globalization;
using Vmm.Lab.Hosts;

namespace Vmm.Lab.Drivers;

/// <summary>A guest's network card, and how its host reaches the guest.</summary>
/// <param name="Name">What it is, for a person.</param>
/// <param name="Arguments">What every process of the guest is started with.</param>
/// <param name="Address">Where a client on the host reaches the guest's web server.</param>
/// <param name="Port">Its port there.</param>
/// <param name="SetUp">What makes the host's end usable once the first process runs; null for nothing.</param>
public sealed record GuestNetwork(string Name, IReadOnlyList<string> Arguments, string Address, int Port, string? SetUp)
{
    /// <summary>Makes a tap and removes it, by iproute2 or else busybox. Rights and a device file do not say that it can be done: a container may have both.</summary>
    private const string TryTap = $"PATH=$PATH:/usr/sbin:/sbin; exec >/dev/null 2>&1; ip tuntap add dev {Trial} mode tap && ip tuntap del dev {Trial} mode tap || {{ tunctl -t {Trial} && tunctl -d {Trial}; }}";
    private const string Trial = "vmm-try";
    private const string Tap = "vmm-tap";
    private const int WebPort = 80;

    /// <summary>The best that a host can.</summary>
    public static async Task<GuestNetwork> OfAsync(IHost host, CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(host);
        return (await host.TryRunAsync(TryTap, cancellation)).Status == 0 ? OnTap() : OnFreePasst();
    }

    /// <summary>A tap that the first process makes, and that is there as long as a process has it open.</summary>
    /// <param name="pairs">How many pairs of queues tap and card have.</param>
    public static GuestNetwork OnTap(int pairs = 1) => new(
        "a tap",
        [
            "-netdev", string.Create(CultureInfo.InvariantCulture, $"tap,id=net0,ifname={Tap},queues={pairs},script=no,downscript=no"),
            "-device", pairs > 1 ? "virtio-net-device,netdev=net0,mq=on" : "virtio-net-device,netdev=net0",
        ],
        "192.0.2.2",
        WebPort,
        $"PATH=$PATH:/usr/sbin:/sbin; ip address add 192.0.2.1/24 dev {Tap} && ip link set {Tap} up");

    /// <summary>A passt of its own, with a port that is free on this machine.</summary>
    public static GuestNetwork OnFreePasst() => OnPasst(FreePort());

    /// <summary>A passt of its own, with a port of the host.</summary>
    public static GuestNetwork OnPasst(int port) => new(
        "passt",
        [
            "-netdev", string.Create(CultureInfo.InvariantCulture, $"user,id=net0,net=192.0.2.0/24,host=192.0.2.1,dhcpstart=192.0.2.2,hostfwd=tcp:127.0.0.1:{port}-:{WebPort}"),
            "-device", "virtio-net-device,netdev=net0",
        ],
        "127.0.0.1",
        port,
        SetUp: null);

    private static int FreePort()
    {
        using var listener = new System.Net.Sockets.TcpListener(System.Net.IPAddress.Loopback, 0);
        listener.Start();
        return ((System.Net.IPEndPoint)listener.LocalEndpoint).Port;
    }
}

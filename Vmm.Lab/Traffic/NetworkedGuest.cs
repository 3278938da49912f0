// A guest whose network card is measured. iperf3 serves in it, and its client runs on the host: so nothing goes over the guest's console while it is
// measured, and starting a program in the guest costs nothing. A transfer of one block is taken off: what is left is the transfer alone,
// without connecting and reporting.
//
// The vCPU has a processor of its own, and the other is for what serves it and for the client. Left to the scheduler, three threads on two processors
// share them in one way or another for a whole run, and throughput differs twofold between these.
//
// Each guest's tap has a network of its own, because both are there at the same time. IPv6 is off, whose routers the guests would look for.

using System.Globalization;
using System.Text.Json;
using Vmm.Lab.Comparisons;
using Vmm.Lab.Hosts;

namespace Vmm.Lab.Traffic;

/// <summary>A guest with a network card, stopped between two measurements.</summary>
/// <param name="guest">The guest; this disposes it.</param>
/// <param name="tap">Its interface on the host.</param>
/// <param name="network">The first three bytes of its addresses; the host is 1, the guest 2.</param>
internal sealed class NetworkedGuest(MeasuredGuest guest, string tap, string network) : IAsyncDisposable
{
    private const int Block = 128 << 10;
    private const int Mebibyte = 1 << 20;

    /// <summary>Boots it on vmm.</summary>
    internal static async Task<NetworkedGuest> OnVmmAsync(IHost host, CancellationToken cancellation) =>
        await PrepareAsync(await MeasuredGuest.OnVmmAsync(host, Card("tap-vmm", ""), cancellation), "tap-vmm", "192.0.2", cancellation);

    /// <summary>Boots it on QEMU, which needs an option to leave the frames to its own process and not to the kernel's.</summary>
    internal static async Task<NetworkedGuest> OnQemuAsync(IHost host, CancellationToken cancellation) =>
        await PrepareAsync(await MeasuredGuest.OnQemuAsync(host, Card("tap-qemu", ",vhost=off"), cancellation), "tap-qemu", "198.51.100", cancellation);

    /// <summary>Which features driver and device have agreed on: bit 0 first.</summary>
    internal async Task<string> FeaturesAsync(CancellationToken cancellation)
    {
        await guest.ContinueAsync(cancellation);
        string features = await guest.RunAsync("cat /sys/class/net/eth0/device/features", cancellation);
        await guest.StopAsync(cancellation);
        return features;
    }

    /// <summary>Transfers so many MiB, and one block, and reports what each MiB cost.</summary>
    internal async Task<TrafficFigures> MeasureAsync(bool toGuest, int mebibytes, CancellationToken cancellation)
    {
        await guest.ContinueAsync(cancellation);
        await TransferAsync(toGuest, Mebibyte, cancellation);
        var (nothing, _) = await CountAsync(toGuest, Block, cancellation);
        var (all, report) = await CountAsync(toGuest, mebibytes * Mebibyte, cancellation);
        await guest.StopAsync(cancellation);
        double amount = mebibytes - ((double)Block / Mebibyte);
        return new TrafficFigures(
            (all.Costs - nothing.Costs).Of(amount),
            report,
            (all.Interrupts - nothing.Interrupts) / amount,
            (all.ToGuest - nothing.ToGuest) / amount,
            (all.FromGuest - nothing.FromGuest) / amount);
    }

    /// <inheritdoc/>
    public ValueTask DisposeAsync() => guest.DisposeAsync();

    private static string[] Card(string tap, string more) =>
        ["-netdev", $"tap,id=net0,ifname={tap},script=no,downscript=no{more}", "-device", "virtio-net-device,netdev=net0"];

    private static async Task<NetworkedGuest> PrepareAsync(MeasuredGuest guest, string tap, string network, CancellationToken cancellation)
    {
        try
        {
            await guest.PlaceAsync(cancellation);
            await guest.Host.RunAsync(
                $"echo 1 > /proc/sys/net/ipv6/conf/{tap}/disable_ipv6 && ip address add {network}.1/24 dev {tap} && ip link set {tap} up", cancellation);
            await guest.ContinueAsync(cancellation);
            await guest.RunAsync(
                "echo 1 > /proc/sys/net/ipv6/conf/eth0/disable_ipv6 && ip address flush dev eth0"
                + $" && ip address add {network}.2/24 dev eth0 && iperf3 --server --daemon > /dev/null",
                cancellation);
            await guest.StopAsync(cancellation);
            return new NetworkedGuest(guest, tap, network);
        }
        catch
        {
            await guest.DisposeAsync();
            throw;
        }
    }

    /// <summary>Transfers some, and counts.</summary>
    private async Task<((HostCosts Costs, double Interrupts, double ToGuest, double FromGuest) Counts, double BitsPerSecond)> CountAsync(
        bool toGuest, int bytes, CancellationToken cancellation)
    {
        double interrupts = await InterruptsAsync(cancellation);
        double[] before = await FramesAsync(cancellation);
        var (costs, rate) = await guest.CostsAsync(() => TransferAsync(toGuest, bytes, cancellation));
        double[] after = await FramesAsync(cancellation);
        interrupts = await InterruptsAsync(cancellation) - interrupts;
        return ((costs, interrupts, after[0] - before[0], after[1] - before[1]), rate);
    }

    /// <summary>Those of the card that the guest has counted.</summary>
    private async Task<double> InterruptsAsync(CancellationToken cancellation) =>
        double.Parse(await guest.RunAsync("awk '/virtio/ { n += $2 } END { print n }' /proc/interrupts", cancellation), CultureInfo.InvariantCulture);

    /// <summary>Frames to the guest, and from it: what the host's interface sent and received.</summary>
    private async Task<double[]> FramesAsync(CancellationToken cancellation)
    {
        string text = await guest.Host.RunAsync($"cd /sys/class/net/{tap}/statistics && cat tx_packets rx_packets", cancellation);
        return [.. text.Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(line => double.Parse(line, CultureInfo.InvariantCulture))];
    }

    private async Task<double> TransferAsync(bool toGuest, int bytes, CancellationToken cancellation)
    {
        string report = await guest.Host.RunAsync(
            $"taskset {ComparedHost.OtherProcessor} iperf3 --client {network}.2 --bytes {bytes} --length {Block} --interval 0 --json{(toGuest ? "" : " --reverse")}", cancellation);
        using var json = JsonDocument.Parse(report);
        var end = json.RootElement.GetProperty("end").GetProperty("sum_received");
        return end.GetProperty("bits_per_second").GetDouble();
    }
}

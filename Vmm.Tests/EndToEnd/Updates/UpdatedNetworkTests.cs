using Vmm.Tests.EndToEnd.Driving;

namespace Vmm.Tests.EndToEnd.Updates;

/// <summary>A guest on a tap that sends back what it receives goes over under traffic: no packet is lost, doubled or overtaken.</summary>
[Parallelizable(ParallelScope.All)]
[FixtureLifeCycle(LifeCycle.InstancePerTestCase)]
public sealed class UpdatedNetworkTests : UpdateTest
{
    [Test]
    public async Task Every_packet_comes_back_once_and_in_order_over_many_hops()
    {
        using var network = new TapNetwork();
        var generation = await BootAsync(network, $"tap,id=n0,ifname={TapNetwork.Interface},script=no,downscript=no");
        await using var packets = new EchoedPackets(network.Connect());
        for (int hop = 0; hop < 8; hop++)
        {
            await packets.WaitForAsync(500);
            generation = await HopAsync(generation);
        }

        await packets.WaitForAsync(500);
        await packets.EndAsync();
        Assert.That(network.Interfaces(), Does.Contain(TapNetwork.Interface));
    }

    [Test]
    public async Task A_tap_of_several_queues_goes_over_with_all_of_them()
    {
        using var network = new TapNetwork(queues: 4);
        var generation = await BootAsync(network, $"tap,id=n0,ifname={TapNetwork.Interface},queues=4,script=no,downscript=no", ",mq=on");
        await using var packets = new EchoedPackets(network.Connect());
        for (int hop = 0; hop < 3; hop++)
        {
            await packets.WaitForAsync(500);
            generation = await HopAsync(generation);
        }

        await packets.WaitForAsync(500);
        await packets.EndAsync();
    }

    [Test]
    public async Task An_update_that_fails_in_the_pause_loses_no_packet()
    {
        using var network = new TapNetwork();
        var generation = await BootAsync(network, $"tap,id=n0,ifname={TapNetwork.Interface},script=no,downscript=no");
        await using var packets = new EchoedPackets(network.Connect());
        await packets.WaitForAsync(500);
        await SetLoadTimeoutAsync(generation, 300);
        var route = new UpdateRoute("failing");
        var successor = await AwaitGuestAsync(route, deferred: true);
        await route.AskAsync(generation.Qmp);
        await BusyAsync(successor);
        await successor.Process.SignalAsync("KILL");
        await generation.ExpectAsync("failed");

        await packets.WaitForAsync(500);
        generation = await HopAsync(generation);
        await packets.WaitForAsync(500);
        await packets.EndAsync();
    }

    private Task<Generation> BootAsync(TapNetwork network, string netdev, string device = "")
    {
        Enter = network.Enter;
        return BootAsync("net", "-netdev", netdev, "-device", $"virtio-net-device,netdev=n0,mac={TapNetwork.GuestMac}{device}");
    }
}

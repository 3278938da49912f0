using System.Net.Sockets;
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
    public async Task A_guest_that_uses_one_of_several_queues_gets_every_packet()
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

    /// <summary>Client and host have a namespace each. The host's queue holds what comes in a pause.</summary>
    [TestCase(ProtocolType.Icmp, 200, 2)]
    [TestCase(ProtocolType.Udp, 10_000, 100, Category = SoakAttribute.Name)]
    [TestCase(ProtocolType.Icmp, 1_000, 100, Category = SoakAttribute.Name)]
    public async Task At_a_fixed_rate_none_is_lost_over_many_hops(ProtocolType protocol, int rate, int hops)
    {
        using var network = new TapNetwork(queueLength: 10_000);
        network.MoveClients();
        var generation = await BootAsync(network, $"tap,id=n0,ifname={TapNetwork.Interface},script=no,downscript=no");
        using var packets = new RatedPackets(network.Connect(protocol), rate);
        for (int hop = 0; hop < hops; hop++)
        {
            var old = generation;
            generation = await HopAsync(old);
            await QuitAsync(old);
        }

        packets.End();
        await TestContext.Out.WriteLineAsync(packets.ToString());
        Assert.That((packets.Received, packets.Misplaced), Is.EqualTo((packets.Sent, 0)), packets.ToString());
    }

    private Task<Generation> BootAsync(TapNetwork network, string netdev, string device = "")
    {
        Enter = network.Enter;
        return BootAsync("net", "-netdev", netdev, "-device", $"virtio-net-device,netdev=n0,mac={TapNetwork.GuestMac}{device}");
    }
}

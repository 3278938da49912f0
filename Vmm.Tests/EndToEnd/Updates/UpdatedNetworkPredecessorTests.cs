using Vmm.Tests.EndToEnd.Driving;

namespace Vmm.Tests.EndToEnd.Updates;

/// <summary>A guest that sends back what a client sends without a pause goes over from the program before today's, back to it, and over again.</summary>
[Parallelizable(ParallelScope.All)]
[FixtureLifeCycle(LifeCycle.InstancePerTestCase)]
public sealed class UpdatedNetworkPredecessorTests() : TwoVersionsTest(Second)
{
    [Test]
    [Promise(40)]
    [Promise(41)]
    public async Task No_packet_is_lost_there_and_back([Values] UpdateForm form)
    {
        using var network = new TapNetwork();
        Enter = network.Enter;
        var generation = await BootInPredecessorAsync(
            "net",
            "-netdev", $"tap,id=n0,ifname={TapNetwork.Interface},script=no,downscript=no",
            "-device", $"virtio-net-device,netdev=n0,mac={TapNetwork.GuestMac}");
        await using var packets = new EchoedPackets(network.Connect());

        await packets.WaitForAsync(500);
        generation = await HopAsync(generation, form);
        await packets.WaitForAsync(500);

        var back = new UpdateRoute("back");
        var earlier = await AwaitGuestInPredecessorAsync(back, form);
        await back.AskAsync(generation.Qmp, form);
        await ExpectHandoverAsync(generation, earlier);
        await packets.WaitForAsync(500);

        await HopAsync(earlier, form);
        await packets.WaitForAsync(500);
        await packets.EndAsync();
    }
}

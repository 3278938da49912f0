using Vmm.Tests.EndToEnd.Driving;

namespace Vmm.Tests.EndToEnd.Updates;

/// <summary>
/// A guest that has every queue of a disk, a console, an entropy device and a network card running goes over under load: each vCPU keeps writes in flight
/// on a queue of its own, which an I/O thread that the operator named serves, and each pair of the card's queues sends and receives without a pause. A
/// lost interrupt, notification or request ends its queue's count.
/// </summary>
[Parallelizable(ParallelScope.All)]
[FixtureLifeCycle(LifeCycle.InstancePerTestCase)]
public sealed class UpdatedQueuesTests : UpdateTest
{
    private const int Queues = 2;

    [Test]
    public async Task Every_queue_goes_on_under_load_after_many_hops()
    {
        using var network = new TapNetwork(Queues);
        var (generation, ram) = await BootAsync(network);
        generation = await HopAsync(generation);
        await ram.WaitForProgressAsync();
        ram.ReleaseGuest();
        for (int hop = 0; hop < 4; hop++)
        {
            await WaitForProgressOfAllAsync(ram);
            generation = await HopAsync(generation);
        }

        await WaitForProgressOfAllAsync(ram);
    }

    /// <summary>The number that a plan was made with may be another one when the guest stops.</summary>
    [Test]
    public async Task Every_pair_goes_on_while_the_guest_changes_their_number_over_many_hops()
    {
        using var network = new TapNetwork(Queues);
        var (generation, ram) = await BootAsync(network);
        ram.ReleaseGuest();
        await WaitForProgressOfAllAsync(ram);
        ram.ChangePairs();
        for (int hop = 0; hop < 8; hop++)
        {
            await ram.WaitForChangeOfPairsAsync();
            generation = await HopAsync(generation);
            await ram.WaitForProgressOfPairsAsync(Queues);
        }

        await ram.WaitForChangeOfPairsAsync();
        await WaitForProgressOfAllAsync(ram);
    }

    private static async Task WaitForProgressOfAllAsync(GuestRam ram)
    {
        await ram.WaitForProgressOfQueuesAsync(Queues);
        await ram.WaitForProgressOfPairsAsync(Queues);
    }

    private async Task<(Generation Generation, GuestRam Ram)> BootAsync(TapNetwork network)
    {
        Enter = network.Enter;
        var generation = await BootAsync(
            "queues",
            "-smp", $"{Queues}",
            "-object", "iothread,id=io0", "-blockdev", "driver=null-co,node-name=disk0",
            "-device", $"virtio-blk-device,drive=disk0,num-queues={Queues},iothread=io0",
            "-chardev", "null,id=c0", "-chardev", "null,id=c1", "-chardev", "null,id=c2",
            "-device", "virtio-serial-device,max_ports=3", "-device", "virtconsole,chardev=c0",
            "-device", "virtserialport,chardev=c1,name=one", "-device", "virtserialport,chardev=c2,name=two",
            "-device", "virtio-rng-device",
            "-netdev", $"tap,id=n0,ifname={TapNetwork.Interface},queues={Queues},script=no,downscript=no", "-device", "virtio-net-device,netdev=n0,mq=on");
        var ram = Keep(GuestRam.Of(generation.Process));
        await ram.WaitForProgressAsync();
        return (generation, ram);
    }
}

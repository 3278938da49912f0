using Vmm.Core.Backends.Net;
using Vmm.Core.Devices.Model;
using Vmm.Core.Devices.Virtio;
using Vmm.Core.Devices.Virtio.Net;
using Vmm.Core.State;
using static Vmm.Core.Devices.Virtio.Net.NetRegisters;
using static Vmm.Tests.Unit.Devices.Virtio.Net.NetGuest;

namespace Vmm.Tests.Unit.Devices.Virtio.Net;

/// <summary>What becomes of a network device in the middle of its work when the guest goes to another process.</summary>
[Parallelizable(ParallelScope.All)]
[FixtureLifeCycle(LifeCycle.InstancePerTestCase)]
public sealed class NetUpdateTests : IDisposable
{
    private const ulong Everything = WithControl | ControlVlanFeature | ControlOffloadsFeature | GuestOffloads | MergeableFeature;

    private readonly List<NetGuest> _guests = [];

    public void Dispose() => _guests.ForEach(guest => guest.Dispose());

    [Test]
    public void Frames_that_wait_at_either_end_arrive_after_the_update_once()
    {
        var guest = Guest();
        guest.Offer(2);
        guest.Network.At(0).IsFull = true;
        guest.Send(Frame(fill: 1));
        guest.Driver.Transport.Quiesce();
        guest.Arrives(Frame(fill: 2));
        Assert.That(guest.Network.At(0).Asked, Is.EqualTo(1), "nothing is read for a guest on its way");

        var next = Arrived(guest);
        Assert.That(next.Frames(), Is.EqualTo(new[] { Frame(fill: 2) }));
        Assert.That(new[] { next.Sent(), next.Sent() }, Is.EqualTo(new[] { Frame(fill: 1), null }));
    }

    [Test]
    public void An_update_that_fails_loses_and_doubles_nothing()
    {
        var guest = Guest();
        guest.Offer(2);
        guest.Network.At(0).IsFull = true;
        guest.Send(Frame(fill: 1));
        guest.Driver.Transport.Quiesce();
        guest.Driver.Save();
        guest.Arrives(Frame(fill: 2));

        guest.Network.At(0).IsFull = false;
        guest.Driver.Transport.Resume();
        guest.Run();
        Assert.That(guest.Frames(), Is.EqualTo(new[] { Frame(fill: 2) }));
        Assert.That(new[] { guest.Sent(), guest.Sent() }, Is.EqualTo(new[] { Frame(fill: 1), null }));
    }

    [Test]
    public void A_frame_that_was_read_and_found_no_room_crosses_as_state()
    {
        var guest = Guest();
        guest.Offer(2, length: 100);
        guest.Arrives(Frame(260, fill: 7));
        int before = guest.Driver.Save().Length;
        Assert.That(before, Is.GreaterThan(NetQueue.LongestFrame));

        var next = Arrived(guest);
        next.Offer(1, length: 100);
        Assert.That(next.Received().SelectMany(buffer => buffer).Skip(HeaderLength), Is.EqualTo(Frame(260, fill: 7)));
        Assert.That(next.Driver.Save().Length, Is.LessThan(before - NetQueue.LongestFrame), "a frame that is not there takes no room");
    }

    [Test]
    public void What_the_driver_has_said_goes_with_it()
    {
        var guest = Guest();
        guest.Command(ClassRx, RxPromiscuous, 0);
        guest.Command(ClassRx, RxNoBroadcast, 1);
        guest.Command(ClassMac, MacAddressSet, 2, 0, 0, 0, 0, 1);
        guest.Command(ClassMac, MacTableSet, 1, 0, 0, 0, 2, 0, 0, 0, 0, 2, 1, 0, 0, 0, 1, 0, 0, 0, 0, 3);
        guest.Command(ClassVlan, VlanAdd, 9, 0);
        guest.Device.SetLink(false);
        guest.Send(Frame());
        var filter = guest.Device.ReceiveFilter;

        var next = Arrived(guest);
        var same = next.Device.ReceiveFilter;
        Assert.That(same with { UnicastTable = [], MulticastTable = [], VlanTable = [] }, Is.EqualTo(filter with { UnicastTable = [], MulticastTable = [], VlanTable = [] }));
        Assert.That((same.UnicastTable[0], same.MulticastTable[0], same.VlanTable[0]), Is.EqualTo(("02:00:00:00:00:02", "01:00:00:00:00:03", 9)));
        Assert.That((next.Device.MacAddress, next.Device.IsLinkEnabled), Is.EqualTo(("02:00:00:00:00:01", false)));
        Assert.That(next.Configuration(6, 2), Is.Zero);
        Assert.That(next.Device.Counters, Is.EqualTo(guest.Device.Counters).And.Not.EqualTo(default(NetworkCounters)));
    }

    [Test]
    public void The_next_process_tells_the_host_nothing_that_it_knows()
    {
        var guest = Guest();
        guest.Command(ClassGuestOffloads, GuestOffloadsSet, 2, 0, 0, 0, 0, 0, 0, 0);
        Assert.That(guest.Network.Offloads, Has.Count.EqualTo(2));

        var next = Arrived(guest);
        Assert.That(next.Network.Offloads, Is.Empty);
        next.Command(ClassGuestOffloads, GuestOffloadsSet, 0, 0, 0, 0, 0, 0, 0, 0);
        Assert.That(next.Network.Offloads, Is.EqualTo(new[] { NetOffloads.None }), "only the driver's own command changes it");
    }

    [Test]
    public void A_link_that_was_lost_on_the_way_is_told_to_the_guest()
    {
        var guest = Guest();
        var network = guest.Network.Successor();
        network.Connect(false);
        var next = Arrived(guest, network);
        Assert.That(next.Configuration(6, 2), Is.Zero);
        Assert.That(next.Driver.Read(Core.Devices.Virtio.Transports.Mmio.VirtioMmioRegisters.InterruptStatus) & 2, Is.Not.Zero);
    }

    [Test]
    public void Several_pairs_go_on_in_the_next_process()
    {
        var guest = Guest(new SocketNetwork(queues: 2), WithControl | MultiQueueFeature);
        guest.Command(ClassMultiQueue, PairsSet, 2, 0);
        var next = Arrived(guest);
        next.Send(Frame(fill: 3), pair: 1);
        next.Offer(1, pair: 1);
        next.Arrives(Frame(fill: 4), pair: 1);
        Assert.That((next.Sent(1), next.Frames(1)[0]), Is.EqualTo((Frame(fill: 3), Frame(fill: 4))));
    }

    [Test]
    public void A_reset_forgets_the_driver_and_what_was_held_for_it()
    {
        var guest = Guest();
        guest.Offer(1, length: 100);
        guest.Arrives(Frame(260));
        guest.Start(Everything);
        guest.Offer(8, length: 100);
        Assert.That(guest.Received(), Is.Empty);
        Assert.That(guest.Device.Counters.ReceiveDropped, Is.EqualTo(1));
    }

    private static readonly (string What, Action<NetState> Spoil)[] Spoilers =
    [
        ("curr_queue_pairs: 1 to 1 expected, 2 found", state => state.ActivePairs = 2),
        ("curr_queue_pairs: 1 to 1 expected, 0 found", state => state.ActivePairs = 0),
        ("uni_count and multi_count: at most 64 in all expected, 65 and 0 found", state => state.Filter.UnicastCount = 65),
        ("curr_queue_pairs: 1 to 2 expected, 3 found", state => (state.ActivePairs, state.Virtio.DriverFeatures) = (3, MultiQueueFeature)),
        ("status: bits of 0x1 expected, 4 found", state => state.Status = 4),
        ("status: bits of 0x1 expected, 3 found", state => state.Status = LinkUp | Announce),
        ("status: no link with link_down expected, 1 found", state => state.IsLinkDisabled = true),
        ("mac: the address of a station expected, whose first byte is even, 01:00:00:00:00:00 found", state => state.Filter.Mac[0] = 1),
        ("disabled_guest_offloads: bits of 0x0 expected, 2 found", state => state.DisabledOffloads = GuestChecksumFeature),
        ("disabled_guest_offloads: bits of 0x0 expected, 2 found", state => (state.DisabledOffloads, state.Virtio.DriverFeatures) = (GuestChecksumFeature, GuestOffloads)),
        ("disabled_guest_offloads: bits of 0x2 expected, 128 found", state =>
            (state.DisabledOffloads, state.Virtio.DriverFeatures) = (GuestTso4Feature, ControlOffloadsFeature | GuestChecksumFeature)),
        ("host_offloads: bits of 0x2 expected, 128 found", state => state.HostOffloads = GuestTso4Feature),
        ("held pair: each below 2 once expected, 2 found", state => Hold(state, new HeldFrame { Pair = 2, Length = 60 })),
        ("held length: 26 to 65566 expected, 25 found", state => Hold(state, new HeldFrame { Length = 25 })),
        ("held length: 26 to 65566 expected, 65567 found", state => Hold(state, new HeldFrame { Length = 65567 })),
    ];

    private static readonly int[] AllSpoilers = [.. Enumerable.Range(0, Spoilers.Length)];

    [TestCaseSource(nameof(AllSpoilers))]
    public void State_that_no_device_has_saved_is_refused(int which)
    {
        var (what, spoil) = Spoilers[which];
        var state = new NetState(2);
        spoil(state);
        var writer = new StateWriter();
        writer.Write(NetState.Layout, state);
        var options = Small(pairs: 2) with { Switches = ~(GuestOffloads & ~GuestChecksumFeature) };
        using var guest = new NetGuest(new SocketNetwork(queues: 2), options);
        guest.Driver.Transport.Quiesce();
        Assert.That(() => guest.Driver.Load(writer.Written.ToArray()), Throws.TypeOf<StateException>().With.Message.Contains($"virtio-net {what}"));
        guest.Driver.Transport.Resume();
        guest.Start();
        guest.Send(Frame());
        Assert.That(guest.Sent(), Is.EqualTo(Frame()), "the device is as new");
    }

    private static void Hold(NetState state, HeldFrame frame) => (state.HeldCount, state.Held) = (1, [frame]);

    private NetGuest Guest(SocketNetwork? network = null, ulong features = Everything)
    {
        var guest = new NetGuest(network);
        _guests.Add(guest);
        guest.Start(features);
        return guest;
    }

    private NetGuest Arrived(NetGuest guest, SocketNetwork? network = null)
    {
        guest.Driver.Transport.Quiesce();
        var next = new NetGuest(network ?? guest.Network.Successor(), guest.Options, guest.Ram);
        _guests.Add(next);
        next.Driver.Transport.Quiesce();
        next.Driver.Load(guest.Driver.Save());
        next.Inherit(guest);
        next.Driver.Transport.Resume();
        next.Run();
        return next;
    }
}

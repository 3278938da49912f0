using System.Buffers.Binary;
using Vmm.Core.Backends.Net;
using Vmm.Core.Devices.Model;
using Vmm.Core.Devices.Virtio;
using static Vmm.Core.Devices.Virtio.Net.NetRegisters;
using static Vmm.Core.Devices.Virtio.Transports.Mmio.VirtioMmioRegisters;
using static Vmm.Tests.Unit.Devices.Virtio.Net.NetGuest;

namespace Vmm.Tests.Unit.Devices.Virtio.Net;

/// <summary>What the driver decides by commands, and what of it the host is told.</summary>
[Parallelizable(ParallelScope.All)]
[FixtureLifeCycle(LifeCycle.InstancePerTestCase)]
public sealed class NetControlTests : IDisposable
{
    private const ulong WithOffloads = WithControl | ControlOffloadsFeature | GuestOffloads;

    private static readonly byte[] Station = [0x52, 0x54, 0, 1, 2, 3];
    private static readonly byte[] Group = [1, 0, 0x5e, 0, 0, 1];

    private readonly List<NetGuest> _guests = [];

    public void Dispose() => _guests.ForEach(guest => guest.Dispose());

    [Test]
    public void A_driver_that_has_said_nothing_receives_everything()
    {
        var guest = Guest();
        Assert.That(Passes(guest, Frame(destination: "52:54:00:ff:ff:ff")), Is.True);
        Assert.That(guest.Device.ReceiveFilter.Promiscuous, Is.True);
    }

    [TestCase("52:54:00:12:34:56", true)]
    [TestCase("52:54:00:12:34:57", false)]
    [TestCase("ff:ff:ff:ff:ff:ff", true)]
    [TestCase("01:00:5e:00:00:01", false)]
    public void A_driver_that_is_not_promiscuous_receives_what_is_for_it(string destination, bool passes)
    {
        var guest = Selective();
        Assert.That(Passes(guest, Frame(destination: destination)), Is.EqualTo(passes));
        Assert.That(guest.Device.Counters.ReceiveDropped, Is.EqualTo(passes ? 0 : 1));
    }

    [TestCase(RxAllMulticast, "01:00:5e:00:00:01", true)]
    [TestCase(RxAllUnicast, "52:54:00:12:34:57", true)]
    [TestCase(RxNoUnicast, "52:54:00:12:34:56", false)]
    [TestCase(RxNoBroadcast, "ff:ff:ff:ff:ff:ff", false)]
    public void A_mode_changes_what_passes_until_it_is_switched_off(byte mode, string destination, bool passes)
    {
        var guest = Selective();
        Assert.That(guest.Command(ClassRx, mode, 1), Is.EqualTo(Ok));
        Assert.That(Passes(guest, Frame(destination: destination)), Is.EqualTo(passes));

        Assert.That(guest.Command(ClassRx, mode, 0), Is.EqualTo(Ok));
        Assert.That(Passes(guest, Frame(destination: destination)), Is.EqualTo(!passes));
    }

    [Test]
    public void Addresses_in_the_tables_pass_and_groups_can_be_switched_off()
    {
        var guest = Selective();
        Assert.That(guest.Command(ClassMac, MacTableSet, Tables([Station], [Group])), Is.EqualTo(Ok));
        Assert.That(Passes(guest, Frame(destination: "52:54:00:01:02:03")), Is.True);
        Assert.That(Passes(guest, Frame(destination: "01:00:5e:00:00:01")), Is.True);
        Assert.That(Passes(guest, Frame(destination: "01:00:5e:00:00:02")), Is.False);
        var filter = guest.Device.ReceiveFilter;
        Assert.That((filter.UnicastTable, filter.MulticastTable), Is.EqualTo((new[] { "52:54:00:01:02:03" }, new[] { "01:00:5e:00:00:01" })));

        guest.Command(ClassRx, RxNoMulticast, 1);
        Assert.That(Passes(guest, Frame(destination: "01:00:5e:00:00:01")), Is.False);
        Assert.That(guest.Device.ReceiveFilter.Multicast, Is.EqualTo(FilterMode.None));
    }

    [TestCase(65, 1, true, false)]
    [TestCase(1, 64, false, true)]
    [TestCase(0, 65, false, true)]
    [TestCase(32, 32, false, false)]
    public void A_table_without_room_lets_all_of_its_kind_pass(int stations, int groups, bool allStations, bool allGroups)
    {
        var guest = Selective();
        byte[] tables = Tables(Enumerable.Repeat(Station, stations), Enumerable.Repeat(Group, groups));
        Assert.That(guest.Command(ClassMac, MacTableSet, tables), Is.EqualTo(Ok));
        Assert.That(Passes(guest, Frame(destination: "52:54:00:99:99:99")), Is.EqualTo(allStations));
        Assert.That(Passes(guest, Frame(destination: "01:00:5e:99:99:99")), Is.EqualTo(allGroups));
        var filter = guest.Device.ReceiveFilter;
        Assert.That((filter.UnicastOverflow, filter.MulticastOverflow), Is.EqualTo((allStations, allGroups)));
    }

    [Test]
    public void A_driver_changes_its_address_until_it_is_reset()
    {
        var guest = Selective();
        Assert.That(guest.Command(ClassMac, MacAddressSet, Station), Is.EqualTo(Ok));
        Assert.That(guest.Device.MacAddress, Is.EqualTo("52:54:00:01:02:03"));
        Assert.That(guest.Configuration(0, 4), Is.EqualTo(0x01005452));
        Assert.That(Passes(guest, Frame(destination: "52:54:00:01:02:03")), Is.True);

        guest.Driver.Write(Status, 0);
        Assert.That(guest.Device.MacAddress, Is.EqualTo("52:54:00:12:34:56"));
        Assert.That(guest.Device.ReceiveFilter.Promiscuous, Is.True);
    }

    [Test]
    public void VLANs_are_filtered_by_if_that_was_agreed_on()
    {
        var all = Selective();
        Assert.That(Passes(all, Frame(vlan: 7)), Is.True);
        Assert.That(all.Device.ReceiveFilter.Vlan, Is.EqualTo(FilterMode.All));

        var some = Selective(WithControl | ControlVlanFeature);
        Assert.That(Passes(some, Frame(vlan: 7)), Is.False);
        Assert.That(some.Device.ReceiveFilter.Vlan, Is.EqualTo(FilterMode.None));
        Assert.That(some.Command(ClassVlan, VlanAdd, 7, 0), Is.EqualTo(Ok));
        Assert.That(some.Command(ClassVlan, VlanAdd, 0xff, 0x0f), Is.EqualTo(Ok));
        Assert.That((Passes(some, Frame(vlan: 7)), Passes(some, Frame(vlan: 8)), Passes(some, Frame(vlan: 4095))), Is.EqualTo((true, false, true)));
        Assert.That(some.Device.ReceiveFilter.VlanTable, Is.EqualTo(new[] { 7, 4095 }));

        Assert.That(some.Command(ClassVlan, VlanDelete, 7, 0), Is.EqualTo(Ok));
        Assert.That(Passes(some, Frame(vlan: 7)), Is.False);
    }

    [TestCase(ClassRx, 6, new byte[] { 1 })]
    [TestCase(ClassRx, RxPromiscuous, new byte[0])]
    [TestCase(ClassMac, MacAddressSet, new byte[] { 1, 2, 3, 4, 5 })]
    [TestCase(ClassMac, MacAddressSet, new byte[] { 1, 2, 3, 4, 5, 6 })]
    [TestCase(ClassMac, MacTableSet, new byte[] { 0, 0, 0, 0, 0, 0, 0 })]
    [TestCase(ClassMac, MacTableSet, new byte[] { 0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0 })]
    [TestCase(ClassMac, MacTableSet, new byte[] { 0, 0, 0, 0, 1, 0, 0, 0, 1, 2, 3, 4, 5 })]
    [TestCase(ClassMac, 2, new byte[] { 0, 0, 0, 0, 0, 0, 0, 0 })]
    [TestCase(ClassVlan, VlanAdd, new byte[] { 0, 0x10 })]
    [TestCase(ClassVlan, 2, new byte[] { 0, 0 })]
    [TestCase(ClassAnnounce, AnnounceAcknowledge, new byte[0])]
    [TestCase(ClassMultiQueue, PairsSet, new byte[] { 1, 0 })]
    [TestCase(ClassGuestOffloads, GuestOffloadsSet, new byte[] { 0, 0, 0, 0, 0, 0, 0, 0 })]
    [TestCase(6, 0, new byte[0])]
    public void A_command_that_cannot_be_is_answered_with_an_error(byte commands, byte command, byte[] data)
    {
        var guest = Selective();
        Assert.That(guest.Command(commands, command, data), Is.EqualTo(Error));
        Assert.That(Passes(guest, Frame()), Is.True, "the device goes on");
    }

    [Test]
    public void A_command_longer_than_any_can_be_is_answered_with_an_error()
    {
        var guest = Selective();
        var ring = guest.Ring(2);
        for (ushort part = 0; part < 3; part++)
        {
            ring.Describe(part, 0, 0x6000, DriverRing.Next, (ushort)(part + 1));
        }

        ring.Describe(3, 0xe000, 1, DriverRing.Write);
        ring.Offer(0);
        guest.Driver.Kick(2);
        Assert.That(guest.Ram.At(0xe000, 1)[0], Is.EqualTo(Error));
    }

    [TestCase(true)]
    [TestCase(false)]
    public void A_command_without_a_head_or_without_room_for_an_answer_breaks_the_device(bool hasAnswer)
    {
        var guest = Selective();
        var ring = guest.Ring(2);
        ring.Describe(0, 0xe000, hasAnswer ? 1u : 2, hasAnswer ? DriverRing.Next : 0, 1);
        ring.Describe(1, 0xe100, 1, DriverRing.Write);
        ring.Offer(0);
        guest.Driver.Kick(2);
        Assert.That(guest.Driver.StatusNow & DeviceStatus.NeedsReset, Is.Not.Zero);
    }

    [Test]
    public void Management_is_told_of_each_change_of_the_filter()
    {
        int changes = 0;
        var guest = Guest();
        guest.Device.ReceiveFilterChanged = () => changes++;
        guest.Command(ClassRx, RxPromiscuous, 0);
        guest.Command(ClassMac, MacTableSet, Tables([Station], []));
        guest.Command(ClassMac, MacAddressSet, Station);
        guest.Command(ClassVlan, VlanAdd, 1, 0);
        guest.Command(ClassRx, 99, 1);
        Assert.That(changes, Is.EqualTo(4));
    }

    [Test]
    public void What_the_guest_completes_is_told_to_the_host_and_changed_by_command()
    {
        var guest = Guest(features: WithOffloads);
        Assert.That(guest.Network.Offloads, Is.EqualTo(new[] { NetOffloads.All }), "as negotiated");

        Assert.That(guest.Command(ClassGuestOffloads, GuestOffloadsSet, Number(GuestChecksumFeature | GuestTso4Feature)), Is.EqualTo(Ok));
        Assert.That(guest.Command(ClassGuestOffloads, GuestOffloadsSet, Number(GuestTso4Feature)), Is.EqualTo(Ok));
        Assert.That(guest.Command(ClassGuestOffloads, GuestOffloadsSet, Number(MergeableFeature)), Is.EqualTo(Error));
        Assert.That(guest.Network.Offloads, Is.EqualTo(new[] { NetOffloads.All, NetOffloads.Checksum | NetOffloads.Tso4, NetOffloads.None }));

        guest.Network.Refuses = true;
        Assert.That(guest.Command(ClassGuestOffloads, GuestOffloadsSet, Number(GuestChecksumFeature)), Is.EqualTo(Error));
    }

    [Test]
    public void A_driver_without_offloads_after_one_with_them_gets_whole_frames()
    {
        var guest = Guest(features: WithOffloads);
        guest.Start(OfEveryDriver);
        Assert.That(guest.Network.Offloads, Is.EqualTo(new[] { NetOffloads.All, NetOffloads.None }));
    }

    [Test]
    public void A_driver_uses_one_pair_of_queues_until_it_asks_for_more()
    {
        var guest = Guest(new SocketNetwork(queues: 2), WithControl | MultiQueueFeature);
        guest.Offer(1, pair: 1);
        guest.Arrives(Frame(), pair: 1);
        guest.Send(Frame(), pair: 1);
        Assert.That((guest.Used(2), guest.Used(3), guest.Network.At(1).Asked), Is.EqualTo((0, 0, 0)));
        Assert.That(guest.Network.ActiveQueues, Is.EqualTo(new[] { 1 }));

        Assert.That(guest.Command(ClassMultiQueue, PairsSet, 2, 0), Is.EqualTo(Ok));
        Assert.That((guest.Used(2), guest.Used(3)), Is.EqualTo((1, 1)));
        Assert.That(guest.Network.ActiveQueues, Is.EqualTo(new[] { 1, 2 }));

        Assert.That(guest.Command(ClassMultiQueue, PairsSet, 1, 0), Is.EqualTo(Ok));
        Assert.That(guest.Network.At(1).IsStarted, Is.False);
    }

    [Test]
    public void The_host_is_told_nothing_that_it_knows()
    {
        var guest = Guest(new SocketNetwork(queues: 2), WithOffloads | MultiQueueFeature);
        for (int i = 0; i < 3; i++)
        {
            Assert.That(guest.Command(ClassMultiQueue, PairsSet, 2, 0), Is.EqualTo(Ok));
            Assert.That(guest.Command(ClassGuestOffloads, GuestOffloadsSet, Number(GuestChecksumFeature)), Is.EqualTo(Ok));
        }

        Assert.That(guest.Network.ActiveQueues, Is.EqualTo(new[] { 1, 2 }));
        Assert.That(guest.Network.Offloads, Is.EqualTo(new[] { NetOffloads.All, NetOffloads.Checksum }));
    }

    [Test]
    public void A_host_that_refused_is_told_again()
    {
        var guest = Guest(new SocketNetwork(queues: 2), WithControl | MultiQueueFeature);
        guest.Network.Refuses = true;
        Assert.That(guest.Command(ClassMultiQueue, PairsSet, 2, 0), Is.EqualTo(Error));
        guest.Network.Refuses = false;
        Assert.That(guest.Command(ClassMultiQueue, PairsSet, 1, 0), Is.EqualTo(Ok), "some of them may have been changed");
        Assert.That(guest.Command(ClassMultiQueue, PairsSet, 2, 0), Is.EqualTo(Ok));
        Assert.That(guest.Network.ActiveQueues, Is.EqualTo(new[] { 1, 2, 1, 2 }));
    }

    [Test]
    public void A_turn_tells_the_host_one_thing_and_others_have_theirs()
    {
        var guest = Guest(new SocketNetwork(queues: 2), WithControl | MultiQueueFeature);
        var ring = guest.Ring(guest.Control);
        for (ushort i = 0; i < 4; i++)
        {
            ulong at = 0xe000 + (0x10ul * i);
            new byte[] { ClassMultiQueue, PairsSet, (byte)(2 - (i % 2)), 0 }.CopyTo(guest.Ram.At(at, 4));
            ring.Describe((ushort)(2 * i), at, 4, DriverRing.Next, (ushort)((2 * i) + 1));
            ring.Describe((ushort)((2 * i) + 1), at + 8, 1, DriverRing.Write);
            ring.Offer((ushort)(2 * i));
        }

        guest.Driver.Write(QueueNotify, (uint)guest.Control);
        guest.Driver.Context.Thread.RunSome(1);
        Assert.That((guest.Network.ActiveQueues.Count, guest.Used(guest.Control)), Is.EqualTo((2, 1)));
        guest.Run();
        Assert.That(guest.Network.ActiveQueues, Is.EqualTo(new[] { 1, 2, 1, 2, 1 }));
    }

    [TestCase(0)]
    [TestCase(3)]
    [TestCase(0x8000)]
    public void A_number_of_pairs_that_cannot_be_is_refused(int pairs)
    {
        var guest = Guest(new SocketNetwork(queues: 2), WithControl | MultiQueueFeature);
        Assert.That(guest.Command(ClassMultiQueue, PairsSet, (byte)pairs, (byte)(pairs >> 8)), Is.EqualTo(Error));
    }

    [Test]
    public void A_driver_that_knows_one_pair_has_its_commands_behind_that()
    {
        var guest = Guest(new SocketNetwork(queues: 2), WithControl);
        Assert.That(guest.Command(ClassRx, RxPromiscuous, 0), Is.EqualTo(Ok));
        Assert.That(guest.Device.ReceiveFilter.Promiscuous, Is.False);
    }

    [Test]
    public void A_link_that_goes_and_comes_is_told_to_the_guest()
    {
        var guest = Guest();
        Assert.That(guest.Configuration(6, 2), Is.EqualTo(LinkUp));
        guest.Device.SetLink(false);
        Assert.That(guest.Configuration(6, 2), Is.Zero);
        Assert.That(guest.Driver.Read(InterruptStatus) & 2, Is.Not.Zero);
        Assert.That(guest.Driver.Read(ConfigGeneration), Is.EqualTo(1));

        guest.Network.Connect(false);
        guest.Device.SetLink(true);
        Assert.That(guest.Configuration(6, 2), Is.Zero, "nobody at the other end");
        guest.Network.Connect(true);
        Assert.That(guest.Configuration(6, 2), Is.EqualTo(LinkUp));
        Assert.That(guest.Driver.Read(ConfigGeneration), Is.EqualTo(2));
    }

    [Test]
    public void Without_a_link_frames_are_dropped_in_both_directions()
    {
        var guest = Guest();
        guest.Device.SetLink(false);
        guest.Send(Frame());
        guest.Arrives(Frame());
        guest.Offer(1);
        Assert.That((guest.Used(1), guest.Sent(), guest.Used(0)), Is.EqualTo((1, (byte[]?)null, 0)));
        Assert.That(guest.Device.Counters, Is.EqualTo(new NetworkCounters(0, 0, 1, 0, 0, 1)));

        guest.Device.SetLink(true);
        guest.Run();
        guest.Arrives(Frame());
        Assert.That(guest.Frames(), Has.Count.EqualTo(1));
    }

    [Test]
    public void A_link_that_comes_serves_what_waits()
    {
        var guest = Guest();
        guest.Network.At(0).IsFull = true;
        guest.Send(Frame());
        guest.Device.SetLink(false);
        guest.Run();
        Assert.That(guest.Used(1), Is.EqualTo(1), "it does not wait for a host that it does not reach");
    }

    private static byte[] Number(ulong value)
    {
        byte[] bytes = new byte[sizeof(ulong)];
        BinaryPrimitives.WriteUInt64LittleEndian(bytes, value);
        return bytes;
    }

    private static byte[] Tables(IEnumerable<byte[]> stations, IEnumerable<byte[]> groups)
    {
        return [.. Table(stations), .. Table(groups)];

        static byte[] Table(IEnumerable<byte[]> addresses)
        {
            byte[] all = [.. addresses.SelectMany(address => address)];
            return [.. BitConverter.GetBytes(all.Length / MacLength), .. all];
        }
    }

    /// <summary>Whether the guest receives a frame. A buffer is always there.</summary>
    private static bool Passes(NetGuest guest, byte[] frame)
    {
        if (guest.Ring(0).AvailableIndex == guest.Used(0))
        {
            guest.Offer(1);
        }

        guest.Arrives(frame);
        return guest.Frames().Count == 1;
    }

    private NetGuest Selective(ulong features = WithControl)
    {
        var guest = Guest(features: features);
        Assert.That(guest.Command(ClassRx, RxPromiscuous, 0), Is.EqualTo(Ok));
        return guest;
    }

    private NetGuest Guest(SocketNetwork? network = null, ulong features = WithControl)
    {
        var guest = new NetGuest(network);
        _guests.Add(guest);
        guest.Start(features);
        return guest;
    }
}

using Vmm.Core.Devices.Virtio;
using Vmm.Core.Devices.Virtio.Net;
using Vmm.Core.State;
using Vmm.Tests.Unit.Devices.Virtio.Saved;
using static Vmm.Core.Devices.Virtio.Net.NetRegisters;
using static Vmm.Core.Devices.Virtio.Transports.Mmio.VirtioMmioRegisters;

namespace Vmm.Tests.Unit.Devices.Virtio.Net;

/// <summary>A network device in a saved file.</summary>
[Parallelizable(ParallelScope.All)]
[FixtureLifeCycle(LifeCycle.InstancePerTestCase)]
public sealed class NetFormTests : IDisposable
{
    private const ulong Features = NetGuest.WithControl | ControlOffloadsFeature | GuestOffloads | MergeableFeature;

    /// <summary>Behind a configuration space of 10 bytes and 5 queues.</summary>
    private const int PartOfTwoPairs = 24 + 10 + 4 + (5 * 18);

    private const int AddressCount = 6 + 4 + 4 + 2 + 1 + 1;

    /// <summary>Behind three addresses: VLANs, headers, flags.</summary>
    private const int Pairs = AddressCount + 4 + 18 + 512 + 4 + 7;

    private const int OffloadsOfTwoPairs = Pairs + 4 + 4;

    private readonly List<NetGuest> _guests = [];

    public void Dispose() => _guests.ForEach(guest => guest.Dispose());

    [Test]
    public void What_QEMU_has_saved_is_loaded_and_saved_as_it_was()
    {
        SavedForms.AssertQemusOwn(OnePair().Driver, QemuSections.Net);
        SavedForms.AssertQemusOwn(TwoPairs().Driver, QemuSections.NetWithPairs);
        SavedForms.AssertQemusOwn(TwoPairs().Driver, QemuSections.NetWithOneOfTwoPairs);
    }

    [Test]
    public void Without_a_driver_it_is_as_long_as_QEMUs() => Assert.That(SavedForms.Save(OnePair().Driver.Transport).Qemus, Has.Length.EqualTo(44780));

    [TestCase(DeviceStatus.All, Features | MultiQueueFeature | ControlVlanFeature)]
    [TestCase(DeviceStatus.All, Features | MultiQueueFeature)]
    [TestCase(DeviceStatus.All, Features)]
    [TestCase(DeviceStatus.Driver, Features | MultiQueueFeature)]
    public void Nothing_of_a_record_is_lost(uint status, ulong features)
    {
        var state = Filled(status, features);
        var guest = TwoPairs();
        guest.Driver.Load(SavedForms.Own(NetState.Layout, state));

        Assert.That(SavedForms.AssertNothingIsLost(guest.Driver, TwoPairs().Driver), Is.True);
    }

    [Test]
    public void A_held_frame_takes_as_much_room_as_it_has_bytes()
    {
        var guest = TwoPairs();
        guest.Driver.Load(SavedForms.Own(NetState.Layout, Filled(DeviceStatus.All, Features)));
        Assert.That(SavedForms.Save(guest.Driver.Transport).Ours, Has.Length.InRange(2 * 60, 2000));
    }

    [Test]
    public void Offloads_that_a_host_was_informed_of_are_not_those_of_the_next()
    {
        var state = new NetState(pairs: 2) { HostOffloads = GuestChecksumFeature };
        state.Filter.Clear(new byte[MacLength]);
        var guest = TwoPairs();
        guest.Driver.Load(SavedForms.Own(NetState.Layout, state));
        var next = TwoPairs();
        var (qemus, rest) = SavedForms.Save(guest.Driver.Transport);
        SavedForms.Load(next.Driver.Transport, qemus, rest);

        Assert.That(rest, Is.Null);
        Assert.That(Saved(next).HostOffloads, Is.Zero);
    }

    [Test]
    public void A_link_that_is_down_in_QEMU_was_taken_down_there()
    {
        var guest = OnePair();
        guest.Driver.Transport.Quiesce();
        SavedForms.Load(guest.Driver.Transport, QemuSections.Net.With(24 + 8 + 4 + (3 * 18) + 14, 0, 0));
        Assert.That(Saved(guest).IsLinkDisabled, Is.True);
    }

    [Test]
    public void Groups_are_the_addresses_from_the_first_groups_on()
    {
        var guest = OnePair();
        guest.Driver.Transport.Quiesce();
        SavedForms.Load(guest.Driver.Transport, QemuSections.Net);
        Assert.That((Saved(guest).Filter.UnicastCount, Saved(guest).Filter.MulticastCount), Is.EqualTo((2, 1)));
    }

    [Test]
    public void All_queues_of_a_driver_that_has_not_decided_yet_are_read()
    {
        var guest = TwoPairs();
        var (qemus, _) = SavedForms.Save(guest.Driver.Transport);
        byte[] queue = qemus[(24 + 10 + 4)..(24 + 10 + 4 + 18)];
        SavedForms.Load(guest.Driver.Transport, [.. qemus.With(24 + 10, 0, 0, 0, 5)[..(24 + 10 + 4)], .. queue, .. queue, .. qemus[(24 + 10 + 4)..]]);
        Assert.That(SavedForms.Save(guest.Driver.Transport).Qemus, Is.EqualTo(qemus));
    }

    [TestCase(AddressCount + 2, 0, 65, "virtio-net.virtio: mac_table.in_use: at most 64 expected, 65 found")]
    [TestCase(Pairs, 2, 0, "virtio-net.virtio: max_queue_pairs: at most 511 expected, 512 found")]
    [TestCase(Pairs, 0, 3, "virtio-net max_queue_pairs: 2 expected, 3 found")]
    [TestCase(Pairs + 2, 0, 3, "virtio-net.virtio: curr_queue_pairs: at most 2 expected, 3 found")]
    [TestCase(OffloadsOfTwoPairs + 6, 4, 2, "virtio-net curr_guest_offloads: bits of 0x182 expected, 0x402 found")]
    [TestCase(0, 1, 0, "virtio-net mac: the address of a station expected, whose first byte is even, 01:00:00:12:34:99 found")]
    public void A_number_that_cannot_be_is_refused(int at, byte high, byte low, string message) =>
        SavedForms.AssertRefused(TwoPairs().Driver, QemuSections.NetWithPairs.With(PartOfTwoPairs + at, high, low), null, message);

    [Test]
    public void Another_number_of_queues_or_pairs_is_refused()
    {
        SavedForms.AssertRefused(OnePair().Driver, QemuSections.NetWithPairs, null, "virtio number of queues: 3 expected, 5 found");
        SavedForms.AssertRefused(OnePair().Driver, QemuSections.NetWithOneOfTwoPairs, null, "virtio-net max_queue_pairs: 1 expected, 2 found");
        SavedForms.AssertRefused(TwoPairs().Driver, QemuSections.Net, null, "virtio-net max_queue_pairs: 2 expected, 1 found");
    }

    [Test]
    public void Sections_that_contradict_each_other_are_refused()
    {
        const int UnicastCount = 1;
        const int Vlans = UnicastCount + 2;
        const int PairCount = Vlans + 512;
        var guest = OnePair();
        guest.Driver.Transport.Quiesce();
        SavedForms.Load(guest.Driver.Transport, QemuSections.Net);
        guest.Driver.Write(QueueSelect, 0x12345);
        byte[] rest = SavedForms.Save(guest.Driver.Transport).Ours!;

        SavedForms.AssertRefused(
            guest.Driver, QemuSections.Net, rest.With(UnicastCount, 0, 4),
            "virtio-net uni_count: at most 3, as in the device's other section, expected, 4 found");
        SavedForms.AssertRefused(
            guest.Driver, QemuSections.Net, rest.With(Vlans, 1), "virtio-net vlans: those in the device's other section expected, others found");
        SavedForms.AssertRefused(
            guest.Driver, QemuSections.Net, [.. rest.With(PairCount, 0, 0)[..(PairCount + 2)], .. rest[(PairCount + 2 + 48)..]],
            "virtio-net pair_count: 1 expected, 0 found");
        SavedForms.AssertRefused(
            guest.Driver, QemuSections.Net, rest.With(0, 1), "virtio-net status: no link with link_down expected, 1 found");
    }

    private static NetState Filled(uint status, ulong features)
    {
        var state = new NetState(pairs: 2) { Status = 0, IsLinkDisabled = true };
        bool mayUsePairs = (features & MultiQueueFeature) != 0;
        (state.ActivePairs, state.DisabledOffloads) = (mayUsePairs ? (ushort)2 : (ushort)1, GuestTso4Feature);
        SavedForms.Fill(state.Virtio, features, status: status);
        if (status != DeviceStatus.All)
        {
            // Before FEATURES_OK nothing is in force.
            (state.ActivePairs, state.DisabledOffloads) = (1, 0);
        }

        var filter = state.Filter;
        filter.Mac[5] = 9;
        (filter.AllMulticast, filter.AllUnicast, filter.NoMulticast, filter.NoUnicast, filter.NoBroadcast) = (true, true, true, true, true);
        (filter.UnicastOverflow, filter.MulticastOverflow, filter.UnicastCount, filter.MulticastCount) = (true, true, 3, 1);
        filter.Addresses.AsSpan(0, 4 * MacLength).Fill(3);
        filter.Vlans[1] = 0x8000_0000_0000_0001;
        state.Counters[1].Received(77);
        state.Counters[0].Sent(78);
        state.HeldCount = 2;
        state.Held = [new() { Pair = 1, Length = 60 }, new() { Pair = 0, Length = 70 }];
        state.Held[0].Bytes.AsSpan(0, 60).Fill(1);
        state.Held[1].Bytes.AsSpan(0, 70).Fill(2);
        return state;
    }

    private static NetState Saved(NetGuest guest)
    {
        var state = new NetState(guest.Options.Pairs);
        new StateReader(guest.Driver.Save()).Read(NetState.Layout, state);
        return state;
    }

    /// <summary>As QEMU's without a tap: no headers, no pairs.</summary>
    private NetGuest OnePair() => Guest(new(queues: 1, hasHeaders: false), new() { Switches = ~MultiQueueFeature });

    private NetGuest TwoPairs() => Guest(new(queues: 2), new() { Pairs = 2 });

    private NetGuest Guest(SocketNetwork network, NetDeviceOptions options)
    {
        _guests.Add(new NetGuest(network, options));
        return _guests[^1];
    }
}

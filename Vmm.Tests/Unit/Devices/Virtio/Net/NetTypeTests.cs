using Vmm.Core.Devices.Model;
using Vmm.Core.Devices.Virtio;
using Vmm.Core.Devices.Virtio.Net;
using Vmm.Core.Devices.Virtio.Transports.Mmio;
using static Vmm.Core.Devices.Virtio.Net.NetRegisters;

namespace Vmm.Tests.Unit.Devices.Virtio.Net;

/// <summary>The properties of a network card, and what follows from them.</summary>
[Parallelizable(ParallelScope.All)]
public sealed class NetTypeTests
{
    private const ulong Always = VirtioFeatures.Common | MacFeature | MergeableFeature | StatusFeature | ControlQueueFeature | ControlRxFeature
        | ControlVlanFeature | ControlRxExtraFeature | GuestAnnounceFeature | ControlMacFeature;

    [Test]
    public void Cards_without_an_address_get_the_next_that_none_has()
    {
        Assert.That(
            Addresses(null, "52:54:00:12:34:57", null, "52-54-00-12-34-58", null, "AA:bb:00:00:00:01"),
            Is.EqualTo(new[] { "52:54:00:12:34:56", "52:54:00:12:34:57", "52:54:00:12:34:59", "52:54:00:12:34:58", "52:54:00:12:34:5a", "aa:bb:00:00:00:01" }));
    }

    [Test]
    public void An_address_that_was_given_is_another_cards_even_if_that_comes_later() =>
        Assert.That(Addresses(null, "52:54:00:12:34:56"), Is.EqualTo(new[] { "52:54:00:12:34:57", "52:54:00:12:34:56" }));

    [TestCase("52:54:00:12:34")]
    [TestCase("52:54:00:12:34:5g")]
    [TestCase("52:54:00:12:34-56")]
    [TestCase("52:54:00:12:34:056")]
    [TestCase("")]
    public void What_is_no_address_is_refused(string text) => Assert.That(
        () => NetType.Mac.Parse(text),
        Throws.TypeOf<DeviceException>().With.Message.EqualTo($"Parameter 'mac' expects a MAC address such as 52:54:00:12:34:56, not '{text}'"));

    [TestCase("01:00:5e:00:00:01")]
    [TestCase("00:00:00:00:00:00")]
    public void An_address_that_no_station_can_have_is_refused(string text) =>
        Assert.That(() => NetType.Mac.Parse(text), Throws.TypeOf<DeviceException>().With.Message.Contains("whose first byte is even"));

    [TestCase("rx_queue_size", 128u)]
    [TestCase("rx_queue_size", 300u)]
    [TestCase("tx_queue_size", 2048u)]
    public void A_queue_size_that_cannot_be_is_refused_in_QEMUs_words(string name, uint size) => Assert.That(
        () => DeviceSet.Complete([Card().With(NetType.Instance.Find(name)!, $"{size}")]),
        Throws.TypeOf<DeviceException>().With.Message.EqualTo($"Invalid {name} (= {size}), must be a power of 2 between 256 and 1024"));

    [Test]
    public void A_card_needs_a_network() => Assert.That(
        () => DeviceSet.Complete([new DeviceConfiguration(NetType.Instance)]),
        Throws.TypeOf<DeviceException>().With.Message.EqualTo("Parameter 'netdev' is missing"));

    [Test]
    public void What_is_offered_by_default_follows_from_the_back_end()
    {
        Assert.That(FeaturesOf(Card(), hasHeaders: true), Is.EqualTo(Always | NeedHeaders));
        Assert.That(FeaturesOf(Card(), hasHeaders: false), Is.EqualTo(Always));
    }

    [TestCase("csum", ChecksumFeature)]
    [TestCase("guest_csum", GuestChecksumFeature)]
    [TestCase("guest_tso4", GuestTso4Feature)]
    [TestCase("guest_tso6", GuestTso6Feature)]
    [TestCase("guest_ecn", GuestEcnFeature)]
    [TestCase("guest_ufo", GuestUfoFeature)]
    [TestCase("guest_announce", GuestAnnounceFeature)]
    [TestCase("host_tso4", HostTso4Feature)]
    [TestCase("host_tso6", HostTso6Feature)]
    [TestCase("host_ecn", HostEcnFeature)]
    [TestCase("host_ufo", HostUfoFeature)]
    [TestCase("mrg_rxbuf", MergeableFeature)]
    [TestCase("status", StatusFeature)]
    [TestCase("ctrl_rx", ControlRxFeature)]
    [TestCase("ctrl_vlan", ControlVlanFeature)]
    [TestCase("ctrl_rx_extra", ControlRxExtraFeature)]
    [TestCase("ctrl_mac_addr", ControlMacFeature)]
    [TestCase("ctrl_guest_offloads", ControlOffloadsFeature)]
    [TestCase("ctrl_vq", ControlQueueFeature | NeedControlQueue)]
    [TestCase("gso", 0ul)]
    public void A_property_that_is_off_takes_its_feature_away(string name, ulong feature) => Assert.That(
        FeaturesOf(Card().With(NetType.Instance.Find(name)!, "off"), hasHeaders: true), Is.EqualTo((Always | NeedHeaders) & ~feature));

    [Test]
    public void Several_pairs_are_offered_with_mq_only()
    {
        using var network = new SocketNetwork(queues: 3);
        using var one = Create(Card(), network);
        using var three = Create(Card().With(NetType.MultiQueue, true), network);
        Assert.That((FeaturesOf(one) & MultiQueueFeature, FeaturesOf(three) & MultiQueueFeature), Is.EqualTo((0ul, MultiQueueFeature)));
        Assert.That((Pairs(one), Pairs(three)), Is.EqualTo((1, 3)));
    }

    [Test]
    public void What_the_guest_reads_of_MTU_speed_and_duplex_is_as_configured()
    {
        using var network = new SocketNetwork();
        using var plain = Create(Card(), network);
        Assert.That(FeaturesOf(plain) & (MtuFeature | SpeedDuplexFeature), Is.Zero);

        using var card = Create(Card().With(NetType.HostMtu, 9000u).With(NetType.Speed, 10_000u).With(NetType.Duplex, "full"), network);
        Assert.That(FeaturesOf(card) & (MtuFeature | SpeedDuplexFeature), Is.EqualTo(MtuFeature | SpeedDuplexFeature));
        Span<byte> space = stackalloc byte[8];
        card.Read(0x100 + 10, space[..2]);
        card.Read(0x100 + 12, space[2..6]);
        card.Read(0x100 + 16, space[6..7]);
        Assert.That(space[..7].ToArray(), Is.EqualTo(new byte[] { 0x28, 0x23, 0x10, 0x27, 0, 0, 1 }));
    }

    [Test]
    public void A_back_end_with_more_queues_than_a_card_can_have_is_refused()
    {
        using var network = new SocketNetwork(queues: 32);
        Assert.That(
            () => Create(Card().With(NetType.MultiQueue, true), network).Dispose(),
            Throws.Exception.With.Message.Contains("netdev 'net0' has 32 queues: expected at most 31, or mq=off"));
    }

    private static DeviceConfiguration Card() => new DeviceConfiguration(NetType.Instance).With(NetType.Netdev, "net0");

    private static ulong FeaturesOf(DeviceConfiguration card, bool hasHeaders)
    {
        using var network = new SocketNetwork(hasHeaders: hasHeaders);
        using var device = Create(card, network);
        return FeaturesOf(device);
    }

    private static ulong FeaturesOf(VirtioMmio device) => ((VirtioDevice)device.BusService!).Features;

    private static int Pairs(VirtioMmio device)
    {
        Span<byte> pairs = stackalloc byte[2];
        device.Read(0x100 + 8, pairs);
        return pairs[0];
    }

    /// <summary>The device as the type makes it of its configuration.</summary>
    private static VirtioMmio Create(DeviceConfiguration card, SocketNetwork network) =>
        (VirtioMmio)NetType.Instance.Create(new VirtioContext { Network = network }, DeviceSet.Complete([card])[0]);

    private static string[] Addresses(params string?[] addresses) =>
    [
        .. DeviceSet.Complete([.. addresses.Select(address => address is null ? Card() : Card().With((Property)NetType.Mac, address))])
            .Select(card => card.Get(NetType.Mac)),
    ];
}

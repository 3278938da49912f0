using System.Buffers.Binary;
using Vmm.Core.Devices.Model;
using Vmm.Core.Devices.Virtio;
using Vmm.Core.Devices.Virtio.Net;
using static Vmm.Core.Devices.Virtio.Net.NetRegisters;
using static Vmm.Core.Devices.Virtio.Transports.Mmio.VirtioMmioRegisters;
using static Vmm.Tests.Unit.Devices.Virtio.Net.NetGuest;

namespace Vmm.Tests.Unit.Devices.Virtio.Net;

/// <summary>How frames go through a network device, and how either side makes the other wait.</summary>
[Parallelizable(ParallelScope.All)]
[FixtureLifeCycle(LifeCycle.InstancePerTestCase)]
public sealed class NetFlowTests : IDisposable
{
    private readonly List<NetGuest> _guests = [];

    public void Dispose() => _guests.ForEach(guest => guest.Dispose());

    [TestCase(true)]
    [TestCase(false)]
    public void A_frame_of_the_guest_reaches_the_host(bool hasHeaders)
    {
        var guest = Guest(new SocketNetwork(hasHeaders: hasHeaders));
        guest.Send(Frame(fill: 1));
        guest.Send(Frame(fill: 2));

        Assert.That(guest.Sent(), Is.EqualTo(Frame(fill: 1)));
        Assert.That(guest.Sent(), Is.EqualTo(Frame(fill: 2)));
        Assert.That(guest.Used(1), Is.EqualTo(2));
        Assert.That(guest.Device.Counters, Is.EqualTo(new NetworkCounters(0, 0, 0, 2, 120, 0)));
    }

    [TestCase(true)]
    [TestCase(false)]
    public void A_frame_of_the_host_reaches_the_guest(bool hasHeaders)
    {
        var guest = Guest(new SocketNetwork(hasHeaders: hasHeaders));
        guest.Offer(2);
        guest.Arrives(Frame(fill: 1));
        guest.Arrives(Frame(fill: 2));

        Assert.That(guest.Frames(), Is.EqualTo(new[] { Frame(fill: 1), Frame(fill: 2) }));
        Assert.That(guest.Device.Counters, Is.EqualTo(new NetworkCounters(2, 120, 0, 0, 0, 0)));
        Assert.That(guest.Driver.Context.Line.Level, Is.True);
    }

    [Test]
    public void Headers_go_with_their_frames_in_both_directions()
    {
        byte[] header = [1, 1, 2, 0, 3, 0, 4, 0, 5, 0, 0xff, 0xff];
        var guest = Guest();
        guest.Send(Frame(), header);
        Assert.That(guest.Network.At(0).Taken()![..HeaderLength], Is.EqualTo(header));

        guest.Offer(1);
        guest.Arrives(Frame(), header);
        Assert.That(guest.Received()[0][..HeaderLength], Is.EqualTo(new byte[] { 1, 1, 2, 0, 3, 0, 4, 0, 5, 0, 1, 0 }), "in one buffer");
    }

    [Test]
    public void A_frame_may_be_cut_in_any_way()
    {
        var guest = Guest();
        byte[] whole = [.. new byte[HeaderLength], .. Frame()];
        whole.CopyTo(guest.Ram.At(0xe000, whole.Length));
        var ring = guest.Ring(1);
        ring.Describe(0, 0xe000, 5, DriverRing.Next, 1);
        ring.Describe(1, 0xe005, 20, DriverRing.Next, 2);
        ring.Describe(2, 0xe019, (uint)whole.Length - 25);
        ring.Offer(0);
        guest.Driver.Kick(1);

        Assert.That(guest.Sent(), Is.EqualTo(Frame()));
    }

    [Test]
    public void Without_a_buffer_nothing_is_read_from_the_host()
    {
        var guest = Guest();
        guest.Arrives(Frame());
        Assert.That(guest.Network.At(0).Asked, Is.Zero);
        Assert.That(guest.Ring(0).DeviceWantsNoKick, Is.False);

        guest.Offer(1);
        Assert.That(guest.Frames(), Is.EqualTo(new[] { Frame() }));
    }

    [Test]
    public void A_frame_that_is_longer_than_a_buffer_takes_several_if_they_merge()
    {
        var guest = Guest(features: OfEveryDriver | MergeableFeature);
        guest.Offer(4, length: 100);
        guest.Arrives(Frame(260));

        var buffers = guest.Received();
        Assert.That(buffers.Select(buffer => buffer.Length), Is.EqualTo(new[] { 100, 100, 72 }));
        Assert.That(BinaryPrimitives.ReadUInt16LittleEndian(buffers[0].AsSpan(10)), Is.EqualTo(3));
        Assert.That(buffers.SelectMany(buffer => buffer).Skip(HeaderLength), Is.EqualTo(Frame(260)));
    }

    [Test]
    public void The_number_of_buffers_is_written_wherever_its_bytes_are()
    {
        var guest = Guest(features: OfEveryDriver | MergeableFeature);
        guest.Offer(8, length: 11);
        guest.Arrives(Frame(60));

        byte[] bytes = [.. guest.Received().SelectMany(buffer => buffer)];
        Assert.That(bytes[10..12], Is.EqualTo(new byte[] { 7, 0 }));
        Assert.That(bytes[HeaderLength..], Is.EqualTo(Frame(60)));
    }

    [TestCase(0ul)]
    [TestCase(VirtioFeatures.EventIndex)]
    public void A_frame_that_lacks_buffers_is_held_until_there_are_enough(ulong features)
    {
        var guest = Guest(features: OfEveryDriver | MergeableFeature | features);
        guest.Offer(2, length: 100);
        guest.Arrives(Frame(260));
        Assert.That(guest.Received(), Is.Empty);
        Assert.That(guest.Run(), Is.Zero, "the thread rests");
        if (features != 0)
        {
            Assert.That(guest.Ring(0).AvailableEvent, Is.EqualTo(2), "the next one is asked for");
        }

        guest.Offer(1, length: 100);
        Assert.That(guest.Received(), Has.Count.EqualTo(3));
        Assert.That(guest.Device.Counters.ReceiveDropped, Is.Zero);
    }

    [Test]
    public void A_frame_that_fits_no_buffer_is_dropped_where_they_do_not_merge()
    {
        var guest = Guest();
        guest.Offer(2, length: 100);
        guest.Arrives(Frame(260));
        guest.Arrives(Frame(60));

        Assert.That(guest.Frames(), Is.EqualTo(new[] { Frame(60) }));
        Assert.That(guest.Device.Counters.ReceiveDropped, Is.EqualTo(1));
    }

    [Test]
    public void A_frame_that_is_none_is_dropped()
    {
        var guest = Guest();
        guest.Offer(1);
        guest.Arrives(new byte[EthernetLength - 1]);
        Assert.That((guest.Used(0), guest.Device.Counters.ReceiveDropped), Is.EqualTo((0, 1)));
    }

    [Test]
    public void What_the_host_has_no_room_for_waits_with_the_guest()
    {
        var guest = Guest();
        guest.Network.At(0).IsFull = true;
        guest.Send(Frame(fill: 1));
        guest.Send(Frame(fill: 2));
        Assert.That(guest.Used(1), Is.Zero);
        Assert.That(guest.Ring(1).DeviceWantsNoKick, Is.True);
        Assert.That(guest.Run(), Is.Zero, "the thread rests");

        guest.Network.At(0).MakeRoom();
        guest.Run();
        Assert.That(guest.Used(1), Is.EqualTo(2));
        Assert.That(new[] { guest.Sent(), guest.Sent() }, Is.EqualTo(new[] { Frame(fill: 1), Frame(fill: 2) }));
    }

    [Test]
    public void What_the_host_loses_is_counted_and_the_guest_goes_on()
    {
        var guest = Guest();
        guest.Network.At(0).Losses = 1;
        guest.Send(Frame(fill: 1));
        guest.Send(Frame(fill: 2));
        Assert.That(guest.Used(1), Is.EqualTo(2));
        Assert.That(guest.Sent(), Is.EqualTo(Frame(fill: 2)));
        Assert.That(guest.Device.Counters.SendDropped, Is.EqualTo(1));

        guest.Network.At(0).Losses = 1;
        guest.Offer(1);
        guest.Arrives(Frame());
        Assert.That(guest.Frames(), Has.Count.EqualTo(1));
        Assert.That(guest.Device.Counters.ReceiveDropped, Is.EqualTo(1));
    }

    [Test]
    public void A_host_that_only_loses_frames_is_not_asked_without_an_end()
    {
        var guest = Guest();
        guest.Network.At(0).Losses = int.MaxValue;
        guest.Offer(1);
        Assert.That(guest.Run(), Is.LessThan(10));
        Assert.That(guest.Network.At(0).Asked, Is.GreaterThan(0));
        Assert.That(guest.Device.Counters.ReceiveDropped, Is.Zero, "it had no frame that could be lost");
    }

    [Test]
    public void A_frame_that_waits_behind_a_lost_one_arrives_though_nothing_more_comes()
    {
        const int Losses = ReceiveQueue.MostFramesInOneTurn - 1;
        var guest = Guest();
        guest.Network.At(0).Stop();
        (guest.Network.At(0).AskedBeforeLosses, guest.Network.At(0).Losses) = (1, Losses);
        guest.Arrives(Frame(fill: 1));
        guest.Arrives(Frame(fill: 2));
        guest.Offer(2);
        Assert.That(guest.Frames(), Is.EqualTo(new[] { Frame(fill: 1), Frame(fill: 2) }));
        Assert.That(guest.Device.Counters.ReceiveDropped, Is.EqualTo(Losses));
    }

    [TestCase(0)]
    [TestCase(1)]
    [TestCase(11)]
    public void A_sent_chain_without_a_whole_header_breaks_the_device(int length)
    {
        var guest = Guest();
        guest.Ring(1).Describe(0, 0xe000, (uint)Math.Max(length, 1), length == 0 ? DriverRing.Write : 0);
        guest.Ring(1).Offer(0);
        guest.Driver.Kick(1);
        Assert.That(guest.Driver.StatusNow & DeviceStatus.NeedsReset, Is.Not.Zero);
        Assert.That(guest.Sent(), Is.Null);
    }

    [TestCase(0xf_0000ul, 0)]
    [TestCase(0xf_0000ul, 1)]
    [TestCase(RingRam.AbsentPage, 0)]
    public void A_buffer_that_is_no_memory_breaks_the_device(ulong address, int queue)
    {
        var guest = Guest();
        guest.Ring(queue).Describe(0, address, 100, queue == 0 ? DriverRing.Write : 0);
        guest.Ring(queue).Offer(0);
        guest.Driver.Kick((uint)queue);
        guest.Arrives(Frame());
        Assert.That(guest.Driver.StatusNow & DeviceStatus.NeedsReset, Is.Not.Zero);
    }

    [Test]
    public void A_buffer_to_receive_that_cannot_be_written_breaks_the_device()
    {
        var guest = Guest();
        guest.Ring(0).Describe(0, 0xe000, 100);
        guest.Ring(0).Offer(0);
        guest.Driver.Kick();
        guest.Arrives(Frame());
        Assert.That(guest.Driver.StatusNow & DeviceStatus.NeedsReset, Is.Not.Zero);
    }

    [Test]
    public void A_header_without_a_frame_and_one_that_is_too_long_are_dropped()
    {
        var guest = Guest();
        guest.SendRaw(new byte[HeaderLength]);
        guest.Ring(1).Describe(1, 0, 0xffff, DriverRing.Next, 2);
        guest.Ring(1).Describe(2, 0, 0xffff);
        guest.Ring(1).Offer(1);
        guest.Driver.Kick(1);

        Assert.That((guest.Used(1), guest.Device.Counters.SendDropped, guest.Sent()), Is.EqualTo((2, 2ul, (byte[]?)null)));
    }

    [Test]
    public void A_turn_ends_though_there_are_more_frames()
    {
        var guest = Guest(features: OfEveryDriver);
        for (int i = 0; i < 40; i++)
        {
            guest.Network.At(0).Put([.. new byte[HeaderLength], .. Frame()]);
        }

        for (int i = 0; i < 5; i++)
        {
            guest.Offer(8);
            Assert.That(guest.Frames(), Has.Count.EqualTo(8));
        }

        Assert.That(guest.Device.Counters.ReceivedFrames, Is.EqualTo(40));
    }

    [TestCase(0ul)]
    [TestCase(MergeableFeature)]
    public void Frames_allocate_nothing(ulong features)
    {
        var guest = Guest(features: OfEveryDriver | features);
        byte[] header = new byte[HeaderLength];
        byte[] frame = Frame(300);
        byte[] both = [.. header, .. frame];
        byte[] taken = new byte[1000];
        var (sends, receives) = (guest.Ring(1), guest.Ring(0));
        both.CopyTo(guest.Ram.At(0xe000, both.Length));
        void Round()
        {
            sends.Describe(0, 0xe000, (uint)both.Length);
            sends.Offer(0);
            receives.Describe(0, 0xf000, 200, DriverRing.Write | (features == 0 ? DriverRing.Next : 0), 2);
            receives.Describe(2, 0xf200, 200, DriverRing.Write);
            receives.Describe(1, 0xf400, 200, DriverRing.Write);
            receives.Offer(0);
            if (features != 0)
            {
                receives.Offer(1);
            }

            guest.Driver.Write(QueueNotify, 1);
            guest.Driver.Write(QueueNotify, 0);
            guest.Network.At(0).Put(both);
            guest.Network.At(0).Discard(taken);
            guest.Driver.Context.Thread.RunSome(4);
        }

        // What is not allocated for frames, but once by the runtime when it compiles anew, is not there both times.
        Assert.That(Math.Min(Allocation.Of(Round), Allocation.Of(Round)), Is.Zero);
        Assert.That(guest.Device.Counters, Is.EqualTo(new NetworkCounters(4000, 1_200_000, 0, 4000, 1_200_000, 0)));
    }

    private NetGuest Guest(SocketNetwork? network = null, ulong features = OfEveryDriver)
    {
        var guest = new NetGuest(network);
        _guests.Add(guest);
        guest.Start(features);
        return guest;
    }
}

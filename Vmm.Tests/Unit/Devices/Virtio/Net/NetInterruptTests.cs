using Vmm.Core.Devices.Virtio.Net;
using static Vmm.Core.Devices.Virtio.Net.NetRegisters;
using static Vmm.Core.Devices.Virtio.Transports.Mmio.VirtioMmioRegisters;
using static Vmm.Tests.Unit.Devices.Virtio.Net.NetGuest;

namespace Vmm.Tests.Unit.Devices.Virtio.Net;

/// <summary>When a network device interrupts its driver: once for frames that were sent and for their answers, and never not at all.</summary>
[Parallelizable(ParallelScope.All)]
[FixtureLifeCycle(LifeCycle.InstancePerTestCase)]
public sealed class NetInterruptTests : IDisposable
{
    private readonly List<NetGuest> _guests = [];

    public void Dispose() => _guests.ForEach(guest => guest.Dispose());

    [Test]
    public void One_interrupt_says_that_frames_are_sent_and_answered()
    {
        var guest = Answered();
        guest.Driver.Context.Thread.RunSome(1);
        Assert.That(guest.Used(1), Is.EqualTo(1), "the frame is sent");
        Assert.That(HasInterrupt(guest), Is.False, "before its answer is looked for");

        guest.Run();
        Assert.That(HasInterrupt(guest), Is.True);
        Assert.That(guest.Frames(), Is.EqualTo(new[] { Frame(fill: 2) }));
    }

    [Test]
    public void Frames_without_an_answer_have_their_interrupt_too()
    {
        var guest = Guest();
        for (int i = 0; i < 3; i++)
        {
            Send(guest);
            guest.Run();
            Assert.That(HasInterrupt(guest), Is.True, $"frame {i}");
            Acknowledge(guest);
        }
    }

    [Test]
    public void An_answer_that_is_missing_is_not_looked_for_again()
    {
        var guest = Guest();
        Send(guest);
        guest.Run();
        Acknowledge(guest);
        int asked = guest.Network.At(0).Asked;

        Send(guest);
        guest.Driver.Context.Thread.RunSome(1);
        Assert.That(HasInterrupt(guest), Is.True, "at once");
        Assert.That(guest.Network.At(0).Asked, Is.EqualTo(asked));
    }

    [Test]
    public void Without_a_buffer_for_the_answer_there_is_an_interrupt()
    {
        var guest = Guest(buffers: 1);
        Send(guest);
        guest.Run();
        Assert.That(HasInterrupt(guest), Is.True);
    }

    [TestCase(ReceiveQueue.MostBytesUnpublished, true)]
    [TestCase(ReceiveQueue.MostBytesUnpublished - HeaderLength - 1, false)]
    public void Bulk_data_is_published_while_more_is_received(int length, bool isSeen)
    {
        var guest = Guest(features: OfEveryDriver | MergeableFeature);
        guest.Offer(RingSize - 1, length: 0xc00);
        guest.Network.At(0).Put([.. new byte[HeaderLength], .. Frame(length)]);
        guest.Network.At(0).Put([.. new byte[HeaderLength], .. Frame()]);
        bool hasInterrupt = false;
        int asked = guest.Network.At(0).Asked;
        guest.Network.At(0).IsAsked = () => hasInterrupt |= guest.Network.At(0).Asked == asked + 2 && HasInterrupt(guest);
        guest.Run();

        Assert.That(hasInterrupt, Is.EqualTo(isSeen), "when the second frame is asked for");
        Assert.That(HasInterrupt(guest), Is.True);
    }

    [TestCase(true)]
    [TestCase(false)]
    public void An_interrupt_that_is_held_when_the_queues_stop_is_raised(bool takesBack)
    {
        var guest = Answered();
        guest.Driver.Context.Thread.RunSome(1);
        Assert.That(HasInterrupt(guest), Is.False, "it is held");

        if (takesBack)
        {
            guest.Driver.Write(QueueSelect, 0);
            guest.Driver.Write(QueueReady, 0);
        }
        else
        {
            guest.Driver.Transport.Quiesce();
        }

        Assert.That(HasInterrupt(guest), Is.True);
    }

    [Test]
    public void A_pair_that_goes_out_of_use_keeps_no_interrupt_back()
    {
        var guest = Guest(pairs: 2, features: WithControl | MultiQueueFeature);
        Assert.That(guest.Command(ClassMultiQueue, PairsSet, 2, 0), Is.EqualTo(Ok));
        guest.Offer(2, pair: 1);
        guest.Arrives(Frame(), pair: 1);
        guest.Ring(guest.Control).WantsNoInterrupt = true;
        Acknowledge(guest);

        // In one round: the frame is sent, the command is carried out, and then the queue to the driver is looked at.
        Send(guest, queue: 3);
        Assert.That(guest.Command(ClassMultiQueue, PairsSet, 1, 0), Is.EqualTo(Ok));
        Assert.That(guest.Used(3), Is.EqualTo(1));
        Assert.That(HasInterrupt(guest), Is.True);
    }

    private static bool HasInterrupt(NetGuest guest) => (guest.Driver.Read(InterruptStatus) & 1) != 0;

    private static void Acknowledge(NetGuest guest) => guest.Driver.Write(InterruptAcknowledge, guest.Driver.Read(InterruptStatus));

    /// <summary>A frame is offered, and nothing has run yet.</summary>
    private static void Send(NetGuest guest, int queue = 1)
    {
        const ulong Buffer = 0xf800;
        byte[] bytes = [.. new byte[HeaderLength], .. Frame()];
        bytes.CopyTo(guest.Ram.At(Buffer, bytes.Length));
        guest.Ring(queue).Describe(0, Buffer, (uint)bytes.Length);
        guest.Ring(queue).Offer(0);
        guest.Driver.Write(QueueNotify, (uint)queue);
    }

    /// <summary>A guest that has received a frame, so that an answer to what it sends is likely.</summary>
    private NetGuest Guest(int buffers = 2, int pairs = 1, ulong features = OfEveryDriver)
    {
        var guest = new NetGuest(new SocketNetwork(pairs));
        _guests.Add(guest);
        guest.Start(features);
        guest.Offer(buffers);
        guest.Arrives(Frame(fill: 1));
        Assert.That(guest.Frames(), Is.EqualTo(new[] { Frame(fill: 1) }));
        Acknowledge(guest);
        return guest;
    }

    /// <summary>The same; it has sent a frame, whose answer waits at the host's end, and nothing has run yet.</summary>
    private NetGuest Answered()
    {
        var guest = Guest();
        Send(guest);
        guest.Network.At(0).Put([.. new byte[HeaderLength], .. Frame(fill: 2)]);
        return guest;
    }
}

using System.Text;
using Vmm.Core.Chardevs;
using Vmm.Core.Devices.Virtio;
using Vmm.Core.Devices.Virtio.Console;
using static Vmm.Core.Devices.Virtio.Console.ConsoleRegisters;
using static Vmm.Core.Devices.Virtio.Transports.Mmio.VirtioMmioRegisters;
using static Vmm.Tests.Unit.Devices.Virtio.Console.ConsoleGuest;

namespace Vmm.Tests.Unit.Devices.Virtio.Console;

/// <summary>How bytes go through a port, and how either side makes the other wait.</summary>
[Parallelizable(ParallelScope.All)]
[FixtureLifeCycle(LifeCycle.InstancePerTestCase)]
public sealed class ConsoleFlowTests : IDisposable
{
    private const int Output1 = 5;

    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(1);

    private readonly ManualChardev _backEnd = new();
    private readonly List<ConsoleGuest> _guests = [];

    public ConsoleFlowTests() => _backEnd.Start();

    public void Dispose()
    {
        _guests.ForEach(guest => guest.Dispose());
        _backEnd.Dispose();
    }

    [Test]
    public void What_the_guest_writes_reaches_the_back_end()
    {
        var guest = Open(SerialPort(1, _backEnd));
        guest.Write(1, "hello, "u8);
        guest.Write(1, "host"u8);

        Assert.That(_backEnd.Output, Is.EqualTo("hello, host"u8.ToArray()));
        Assert.That(guest.Sent(1), Is.EqualTo(2));
        Assert.That(guest.Driver.Context.Line.Level, Is.True);
    }

    [Test]
    public void A_chain_of_several_parts_goes_in_their_order()
    {
        var guest = Open(SerialPort(1, _backEnd));
        var ram = guest.Driver.Context.Ram;
        "abcdef"u8.CopyTo(ram.At(0xe000, 6));
        var ring = guest.Ring(Output1);
        ring.Describe(0, 0xe003, 3, DriverRing.Next, 1);
        ring.Describe(1, 0xe000, 3);
        ring.Offer(0);
        guest.Driver.Kick(Output1);
        Assert.That(_backEnd.Output, Is.EqualTo("defabc"u8.ToArray()));
    }

    [Test]
    public void What_the_back_end_does_not_take_waits_with_the_guest_and_goes_on()
    {
        var guest = Open(SerialPort(1, _backEnd));
        _backEnd.Take(4);
        guest.Write(1, "abcdefgh"u8);
        guest.Write(1, "ijkl"u8);
        Assert.That((_backEnd.Output.Length, guest.Sent(1)), Is.EqualTo((4, 0)));

        _backEnd.Take(3);
        guest.Run();
        Assert.That((_backEnd.Output.Length, guest.Sent(1)), Is.EqualTo((7, 0)));

        _backEnd.Take(100);
        guest.Run();
        Assert.That(_backEnd.Output, Is.EqualTo("abcdefghijkl"u8.ToArray()));
        Assert.That(guest.Sent(1), Is.EqualTo(2));
    }

    [Test]
    public void While_output_waits_the_thread_rests()
    {
        var guest = Open(SerialPort(1, _backEnd));
        _backEnd.Take(0);
        guest.Write(1, "abc"u8);
        Assert.That(guest.Driver.Context.Thread.Run(), Is.Zero);
        Assert.That(guest.Ring(Output1).DeviceWantsNoKick, Is.True);
        Assert.That(guest.Driver.Context.Thread.Armed, Is.Empty, "a port waits for as long as it takes");
    }

    [Test]
    public void A_console_is_waited_for_a_second_and_then_loses_output()
    {
        var guest = Open(ConsoleGuest.Console(1, _backEnd));
        _backEnd.Take(1);
        guest.Write(1, "abc"u8);
        Assert.That(guest.Sent(1), Is.Zero);
        Assert.That(guest.Driver.Context.Thread.Armed, Is.EqualTo(new[] { Patience }));

        Elapse(guest);
        Assert.That(guest.Sent(1), Is.EqualTo(1), "the guest's kernel goes on");
        guest.Write(1, "def"u8);
        Assert.That(guest.Sent(1), Is.EqualTo(2), "at once");

        _backEnd.Take(100);
        guest.Run();
        guest.Write(1, "ghi"u8);
        Assert.That(_backEnd.Output, Is.EqualTo("aghi"u8.ToArray()));
    }

    [Test]
    public void A_console_whose_back_end_is_slow_loses_nothing()
    {
        var guest = Open(ConsoleGuest.Console(1, _backEnd));
        _backEnd.Take(1);
        guest.Write(1, "abc"u8);
        _backEnd.Take(1);
        guest.Run();
        _backEnd.Take(100);
        guest.Run();
        Elapse(guest);
        guest.Write(1, "def"u8);
        Assert.That(_backEnd.Output, Is.EqualTo("abcdef"u8.ToArray()));
    }

    [Test]
    public void Without_a_back_end_output_is_dropped()
    {
        var guest = Open(SerialPort(1, backEnd: null));
        guest.Write(1, "abc"u8);
        Assert.That(guest.Sent(1), Is.EqualTo(1));
    }

    [Test]
    public void Without_a_peer_output_is_dropped()
    {
        using var none = new NullChardev("null", null!);
        none.Start();
        var guest = Open(SerialPort(1, none));
        guest.Write(1, "abc"u8);
        Assert.That(guest.Sent(1), Is.EqualTo(1));
    }

    [Test]
    public void A_long_chain_takes_several_turns()
    {
        var guest = Open(SerialPort(1, _backEnd));
        var ring = guest.Ring(Output1);
        for (ushort i = 0; i < RingSize; i++)
        {
            ring.Describe(i, 0x1000, 0x6000, i < RingSize - 1 ? DriverRing.Next : 0, (ushort)(i + 1));
        }

        ring.Offer(0);
        guest.Driver.Write(QueueNotify, Output1);
        guest.Driver.Context.Thread.RunSome(1);
        Assert.That(_backEnd.Output, Has.Length.EqualTo(64 << 10));

        guest.Run();
        Assert.That(_backEnd.Output, Has.Length.EqualTo(RingSize * 0x6000));
        Assert.That(guest.Sent(1), Is.EqualTo(1));
    }

    [Test]
    public void Output_that_is_no_memory_needs_a_reset([Values(RingRam.AbsentPage, RingRam.Size, ulong.MaxValue - 1)] ulong address)
    {
        var guest = Open(SerialPort(1, _backEnd));
        guest.Ring(Output1).Describe(0, address, 8);
        guest.Ring(Output1).Offer(0);
        guest.Driver.Kick(Output1);
        Assert.That(guest.Driver.StatusNow & DeviceStatus.NeedsReset, Is.Not.Zero);
        Assert.That(_backEnd.Output, Is.Empty);
    }

    [Test]
    public void A_queue_that_is_taken_back_begins_anew()
    {
        var guest = Open(SerialPort(1, _backEnd));
        _backEnd.Take(2);
        guest.Write(1, "abcd"u8);
        guest.Driver.Write(QueueSelect, Output1);
        guest.Driver.Write(QueueReady, 0);
        _backEnd.Take(100);

        guest.SetUp(Output1);
        guest.Write(1, "efgh"u8);
        Assert.That(_backEnd.Output, Is.EqualTo("abefgh"u8.ToArray()));
    }

    [Test]
    public void Input_goes_into_the_drivers_buffers()
    {
        var guest = Open(SerialPort(1, _backEnd));
        guest.OfferInput(1, 2);
        _backEnd.Type("hello"u8);
        guest.Run();
        Assert.That(guest.Received(1), Is.EqualTo("hello"u8.ToArray()));

        _backEnd.Type("again"u8);
        guest.Run();
        Assert.That(guest.Received(1), Is.EqualTo("again"u8.ToArray()));
        Assert.That(guest.Driver.Context.Line.Level, Is.True);
    }

    [Test]
    public void Input_without_a_buffer_stays_in_the_back_end()
    {
        var guest = Open(SerialPort(1, _backEnd));
        _backEnd.Type("abcdef"u8);
        guest.Run();
        Assert.That(_backEnd.InputLeft, Is.EqualTo(6));

        guest.OfferInput(1, 1, length: 4);
        Assert.That(guest.Received(1), Is.EqualTo("abcd"u8.ToArray()));
        Assert.That(_backEnd.InputLeft, Is.EqualTo(2));

        guest.OfferInput(1, 1, length: 4);
        Assert.That(guest.Received(1), Is.EqualTo("ef"u8.ToArray()));
    }

    [Test]
    public void Input_for_a_port_that_is_not_open_stays_in_the_back_end()
    {
        var guest = Guest(SerialPort(1, _backEnd));
        guest.StartOpen();
        guest.OfferInput(1, 4);
        _backEnd.Type("abc"u8);
        guest.Run();
        Assert.That(_backEnd.InputLeft, Is.EqualTo(3));

        guest.Tell(1, PortOpen, 1);
        Assert.That(guest.Received(1), Is.EqualTo("abc"u8.ToArray()));

        guest.Tell(1, PortOpen, 0);
        _backEnd.Type("def"u8);
        guest.Run();
        Assert.That(guest.Received(1), Is.Empty);
    }

    [Test]
    public void A_long_input_comes_whole_and_in_order()
    {
        byte[] sent = [.. Enumerable.Range(0, 10_000).Select(i => (byte)(i * 7))];
        var guest = Open(SerialPort(1, _backEnd));
        _backEnd.Type(sent);
        List<byte> received = [];
        while (received.Count < sent.Length)
        {
            guest.OfferInput(1, RingSize, 300);
            byte[] some = guest.Received(1);
            Assert.That(some, Is.Not.Empty);
            received.AddRange(some);
        }

        Assert.That(received, Is.EqualTo(sent));
    }

    [Test]
    public void A_buffer_without_room_comes_back_empty()
    {
        var guest = Open(SerialPort(1, _backEnd));
        var ring = guest.Ring(ConsoleQueues.InputOf(1));
        ring.Describe(0, 0xe000, 8);
        ring.Offer(0);
        guest.Driver.Kick((uint)ConsoleQueues.InputOf(1));
        Assert.That(ring.UsedAt(0), Is.EqualTo((0u, 0u)));
    }

    [Test]
    public void An_input_buffer_that_is_no_memory_needs_a_reset()
    {
        var guest = Open(SerialPort(1, _backEnd));
        var ring = guest.Ring(ConsoleQueues.InputOf(1));
        ring.Describe(0, RingRam.AbsentPage, 8, DriverRing.Write);
        ring.Offer(0);
        guest.Driver.Kick((uint)ConsoleQueues.InputOf(1));
        _backEnd.Type("abc"u8);
        guest.Run();
        Assert.That(guest.Driver.StatusNow & DeviceStatus.NeedsReset, Is.Not.Zero);
    }

    [Test]
    public void A_driver_without_ports_has_the_first_one_which_is_open()
    {
        var guest = Guest(ConsoleGuest.Console(0, _backEnd));
        guest.Start(multiPort: false);
        guest.OfferInput(0, 1);
        _backEnd.Type("in"u8);
        guest.Write(0, "out"u8);

        Assert.That(_backEnd.Output, Is.EqualTo("out"u8.ToArray()));
        Assert.That(guest.Received(0), Is.EqualTo("in"u8.ToArray()));
    }

    [Test]
    public void A_reset_by_the_driver_forgets_what_was_on_its_way()
    {
        var guest = Open(SerialPort(1, _backEnd));
        _backEnd.Take(2);
        guest.Write(1, "abcd"u8);
        guest.Driver.Write(Status, 0);
        _backEnd.Take(100);

        guest.StartOpen(1);
        guest.Write(1, "efgh"u8);
        Assert.That(_backEnd.Output, Is.EqualTo("abefgh"u8.ToArray()));
    }

    [Test]
    public void A_port_of_two_consoles_of_31_ports_keeps_to_its_own()
    {
        var others = new ManualChardev();
        others.Start();
        var guest = Open(SerialPort(1, _backEnd));
        var other = Open(SerialPort(1, others));
        guest.Write(1, "one"u8);
        other.Write(1, "two"u8);
        Assert.That(Encoding.ASCII.GetString(_backEnd.Output), Is.EqualTo("one"));
        Assert.That(Encoding.ASCII.GetString(others.Output), Is.EqualTo("two"));
    }

    [Test]
    public void Bytes_either_way_allocate_nothing()
    {
        using var counting = new CountingChardev();
        counting.Start();
        var guest = Open(SerialPort(1, counting));
        var output = guest.Ring(Output1);
        var input = guest.Ring(ConsoleQueues.InputOf(1));
        output.Describe(0, 0xe000, 16);
        input.Describe(0, 0xe100, 16, DriverRing.Write);

        Assert.That(
            Allocation.Of(() =>
            {
                output.Offer(0);
                guest.Driver.Write(QueueNotify, Output1);
                input.Offer(0);
                guest.Driver.Write(QueueNotify, (uint)ConsoleQueues.InputOf(1));
                guest.Driver.Context.Thread.Run();
            }),
            Is.Zero);
        Assert.That((output.UsedIndex, input.UsedIndex, counting.Written), Is.EqualTo(((ushort)2000, (ushort)2000, 32_000)));
    }

    private static void Elapse(ConsoleGuest guest)
    {
        guest.Driver.Context.Thread.Elapse(Patience);
        guest.Run();
    }

    private ConsoleGuest Open(Func<VirtioContext, ConsoleDevice, Port> port)
    {
        var guest = Guest(port);
        guest.StartOpen(1);
        return guest;
    }

    private ConsoleGuest Guest(params Func<VirtioContext, ConsoleDevice, Port>[] ports)
    {
        var guest = new ConsoleGuest(ports);
        _guests.Add(guest);
        return guest;
    }
}

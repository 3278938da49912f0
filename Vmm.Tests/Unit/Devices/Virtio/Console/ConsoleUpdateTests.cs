using Vmm.Core.Devices.Virtio;
using Vmm.Core.Devices.Virtio.Console;
using Vmm.Core.State;
using static Vmm.Core.Devices.Virtio.Console.ConsoleRegisters;
using static Vmm.Tests.Unit.Devices.Virtio.Console.ConsoleGuest;

namespace Vmm.Tests.Unit.Devices.Virtio.Console;

/// <summary>What becomes of a console in the middle of its work when the guest goes to another process.</summary>
[Parallelizable(ParallelScope.All)]
[FixtureLifeCycle(LifeCycle.InstancePerTestCase)]
public sealed class ConsoleUpdateTests : IDisposable
{
    private const int PortRecord = 1;
    private const int GuestReady = PortRecord + 4;
    private const int Announcements = GuestReady + 3;
    private const int OpenChanges = Announcements + 1;
    private const int OutputConsumed = OpenChanges + 1;
    private const int InputCount = OutputConsumed + 4;

    private readonly ManualChardev _old = new();
    private readonly ManualChardev _new = new();
    private readonly List<ConsoleGuest> _guests = [];

    public ConsoleUpdateTests() => _old.Start();

    public void Dispose()
    {
        _guests.ForEach(guest => guest.Dispose());
        _old.Dispose();
        _new.Dispose();
    }

    [Test]
    public void A_chain_that_was_taken_in_part_goes_on_where_it_was()
    {
        var guest = Open();
        _old.Take(3);
        guest.Write(1, "abcdefgh"u8);
        guest.Write(1, "ijkl"u8);

        var next = Arrived(guest);
        Assert.That(_old.Output, Is.EqualTo("abc"u8.ToArray()));
        Assert.That(_new.Output, Is.EqualTo("defghijkl"u8.ToArray()));
        Assert.That(next.Sent(1), Is.EqualTo(2));
    }

    [Test]
    public void An_update_that_fails_loses_and_doubles_nothing()
    {
        var guest = Open();
        _old.Take(3);
        guest.Write(1, "abcdefgh"u8);
        Quiesce(guest);
        guest.Driver.Save();

        _old.Resume();
        guest.Driver.Transport.Resume();
        guest.Ports[0].Resume();
        _old.Take(100);
        guest.Run();
        Assert.That(_old.Output, Is.EqualTo("abcdefgh"u8.ToArray()));
        Assert.That(guest.Messages(), Is.Empty);
    }

    [Test]
    public void Input_that_is_on_its_way_arrives_after_the_update()
    {
        var guest = Open();
        guest.OfferInput(1, 2);
        _old.Type("abc"u8);

        var next = Arrived(guest);
        Assert.That(next.Received(1), Is.EqualTo("abc"u8.ToArray()));
        _new.Type("def"u8);
        next.Run();
        Assert.That(next.Received(1), Is.EqualTo("def"u8.ToArray()));
    }

    [Test]
    public void Nothing_is_read_for_the_guest_while_it_is_on_its_way()
    {
        var guest = Open();
        guest.OfferInput(1, 2);
        Quiesce(guest);
        _old.Type("abc"u8);
        Assert.That(guest.Ports[0].Room, Is.Zero);
        Assert.That(_old.InputLeft, Is.EqualTo(3));
    }

    [Test]
    public void What_is_still_to_be_said_is_said_by_the_next_process()
    {
        var guest = Guest(_old);
        guest.Start(controlBuffers: 0);
        guest.Tell(1, DeviceReady, 1);
        guest.Tell(1, PortReady, 1);

        var next = Arrived(guest);
        next.OfferMessages(4);
        Assert.That(next.MessagesSoFar(), Is.EqualTo(new[] { "add 1", "name 1 port|", "open 1 1" }));
    }

    [Test]
    public void A_client_that_stays_is_no_event()
    {
        var next = Arrived(Open());
        Assert.That(next.Messages(), Is.Empty);
        Assert.That(_new.FrontendOpen, Is.True);
    }

    [Test]
    public void A_client_that_did_not_come_along_is_gone()
    {
        var guest = Open();
        _new.SetPeer(false);
        Assert.That(Arrived(guest).Messages(), Is.EqualTo(new[] { "open 1 0" }));
    }

    [Test]
    public void A_console_in_the_pause_waits_for_nothing()
    {
        var guest = new ConsoleGuest(ConsoleGuest.Console(1, _old));
        _guests.Add(guest);
        guest.StartOpen(1);
        _old.Take(0);
        guest.Write(1, "abc"u8);
        Quiesce(guest);
        Assert.That(guest.Driver.Context.Thread.Armed, Is.Empty);
    }

    [TestCase(0, 0, "virtio-console port_count: 1 expected, 0 found")]
    [TestCase(0, 32, "virtio-console.port_count: 0 to 31 elements of 'ports' expected, 32 found")]
    [TestCase(PortRecord + 3, 2, "virtio-console-port id: 1 expected, 2 found")]
    [TestCase(Announcements, 8, "virtio-console-port announcements: bits of 7 expected, 8 found")]
    [TestCase(OpenChanges, 3, "virtio-console-port open_changes: 0 to 2 expected, 3 found")]
    [TestCase(InputCount, 0x81, "virtio-console-port input_count: 0 to 2048 expected")]
    public void A_state_that_no_console_has_saved_is_refused(int at, byte value, string error)
    {
        var guest = Open();
        Quiesce(guest);
        byte[] state = guest.Driver.Save();
        state[at] = value;
        var next = Guest(_new, guest.Driver.Context.Ram);
        next.Driver.Transport.Quiesce();

        Assert.That(() => next.Driver.Load(state), Throws.InstanceOf<StateException>().With.Message.Contains(error));
        Assert.That(next.Driver.StatusNow, Is.Zero, "it is left without a driver");
        Assert.That(_new.FrontendOpen, Is.False);
        state[at] = guest.Driver.Save()[at];
        Assert.That(() => next.Driver.Load(state), Throws.Nothing);
    }

    [Test]
    public void A_chain_that_is_shorter_than_what_was_taken_of_it_comes_back()
    {
        var guest = Open();
        _old.Take(3);
        guest.Write(1, "abcdefgh"u8);
        Quiesce(guest);
        byte[] state = guest.Driver.Save();
        state.AsSpan(OutputConsumed, 4).Fill(0xff);

        var next = Arrived(guest, state);
        Assert.That(next.Sent(1), Is.EqualTo(1));
        Assert.That(_new.Output, Is.Empty);
        next.Write(1, "ijkl"u8);
        Assert.That(_new.Output, Is.EqualTo("ijkl"u8.ToArray()));
    }

    private static void Quiesce(ConsoleGuest guest)
    {
        guest.Ports[0].Quiesce();
        guest.Driver.Transport.Quiesce();
    }

    private ConsoleGuest Open()
    {
        var guest = Guest(_old);
        guest.StartOpen(1);
        return guest;
    }

    private ConsoleGuest Guest(ManualChardev backEnd, RingRam? ram = null)
    {
        var guest = new ConsoleGuest(ram ?? new RingRam(), 3, SerialPort(1, backEnd, "port"));
        _guests.Add(guest);
        return guest;
    }

    private ConsoleGuest Arrived(ConsoleGuest old, byte[]? state = null)
    {
        _old.Quiesce();
        Quiesce(old);
        var next = Guest(_new, old.Driver.Context.Ram);
        next.Driver.Transport.Quiesce();
        next.Inherit(old);
        next.Driver.Load(state ?? old.Driver.Save());
        _new.Start();
        next.Driver.Transport.Resume();
        next.Ports[0].Resume();
        next.Run();
        return next;
    }
}

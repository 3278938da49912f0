using Vmm.Core.Devices.Virtio;
using Vmm.Core.Devices.Virtio.Console;
using static Vmm.Core.Devices.Virtio.Console.ConsoleRegisters;
using static Vmm.Core.Devices.Virtio.Transports.Mmio.VirtioMmioRegisters;
using static Vmm.Tests.Unit.Devices.Virtio.Console.ConsoleGuest;

namespace Vmm.Tests.Unit.Devices.Virtio.Console;

/// <summary>What a console and its driver say to each other about ports.</summary>
[Parallelizable(ParallelScope.All)]
[FixtureLifeCycle(LifeCycle.InstancePerTestCase)]
public sealed class ConsoleControlTests : IDisposable
{
    private readonly ManualChardev _backEnd = new();
    private readonly List<ConsoleGuest> _guests = [];

    public ConsoleControlTests() => _backEnd.Start();

    public void Dispose()
    {
        _guests.ForEach(guest => guest.Dispose());
        _backEnd.Dispose();
    }

    [Test]
    public void It_is_a_console_with_a_pair_of_queues_for_each_port_and_control()
    {
        var driver = Guest().Driver;
        Assert.That(driver.Read(DeviceId), Is.EqualTo(3));
        Assert.That(driver.Transport.SectionName, Is.EqualTo("virtio-mmio@00000000feb02e00/virtio-console"));
        Assert.That(driver.Read(ConfigurationSpace), Is.Zero, "no size");
        Assert.That(driver.Read(ConfigurationSpace + 4), Is.EqualTo(3), "max_nr_ports");
        Assert.That(Sizes(driver), Is.EqualTo(new[] { 128, 128, 32, 32, 128, 128, 128, 128, 0 }));
    }

    [TestCase(1, EmergencyWrite)]
    [TestCase(2, MultiPort | EmergencyWrite)]
    [TestCase(31, MultiPort | EmergencyWrite)]
    public void Several_ports_are_a_feature(int mostPorts, ulong features)
    {
        var guest = new ConsoleGuest(new RingRam(), mostPorts);
        _guests.Add(guest);
        Assert.That(guest.Driver.Device.Features, Is.EqualTo(VirtioFeatures.Common | features));
    }

    [Test]
    public void A_driver_that_is_ready_is_told_of_every_port_in_their_order()
    {
        var guest = Guest(SerialPort(2, _backEnd), ConsoleGuest.Console(0, null), SerialPort(1, null));
        guest.Start();
        Assert.That(guest.Messages(), Is.Empty);

        guest.Tell(0, DeviceReady, 1);
        Assert.That(guest.Messages(), Is.EqualTo(new[] { "add 0", "add 1", "add 2" }));
    }

    [Test]
    public void A_port_that_is_set_up_is_described()
    {
        var guest = Guest(ConsoleGuest.Console(0, null, "tty"), SerialPort(1, _backEnd, "org.guest.0"), SerialPort(2, null));
        guest.Start();
        guest.Tell(0, PortReady, 1);
        guest.Tell(1, PortReady, 1);
        guest.Tell(2, PortReady, 1);

        Assert.That(guest.Messages(), Is.EqualTo(new[] { "console 0", "name 0 tty|", "name 1 org.guest.0|", "open 1 1" }));
    }

    [Test]
    public void A_console_is_open_as_soon_as_it_has_a_back_end()
    {
        _backEnd.SetPeer(false);
        var guest = Guest(ConsoleGuest.Console(0, _backEnd));
        guest.Start();
        guest.Tell(0, PortReady, 1);
        _backEnd.SetPeer(true);
        _backEnd.SetPeer(false);
        guest.Run();

        Assert.That(guest.Messages(), Is.EqualTo(new[] { "console 0", "open 0 1" }));
    }

    [Test]
    public void A_client_that_comes_and_goes_is_said()
    {
        _backEnd.SetPeer(false);
        var guest = Guest(SerialPort(1, _backEnd));
        guest.StartOpen(1);
        _backEnd.SetPeer(true);
        guest.Run();
        Assert.That(guest.Messages(), Is.EqualTo(new[] { "open 1 1" }));

        _backEnd.SetPeer(false);
        guest.Run();
        Assert.That(guest.Messages(), Is.EqualTo(new[] { "open 1 0" }));
    }

    [Test]
    public void Before_a_port_is_set_up_its_client_is_not_said()
    {
        var guest = Guest(SerialPort(1, _backEnd));
        guest.Start();
        _backEnd.SetPeer(false);
        guest.Run();
        Assert.That(guest.Messages(), Is.Empty);

        guest.Tell(1, PortReady, 1);
        Assert.That(guest.Messages(), Is.Empty, "closed is what a driver believes");
    }

    [TestCase(1, "open 1 0")]
    [TestCase(2, "open 1 0", "open 1 1")]
    [TestCase(3, "open 1 0")]
    [TestCase(1000, "open 1 0", "open 1 1")]
    public void Changes_that_wait_for_a_buffer_are_two_at_most(int changes, params string[] said)
    {
        var guest = Guest(SerialPort(1, _backEnd));
        guest.Start(controlBuffers: 1);
        guest.Tell(1, PortReady, 1);
        Assert.That(guest.MessagesSoFar(), Is.EqualTo(new[] { "open 1 1" }));
        for (int i = 0; i < changes; i++)
        {
            _backEnd.SetPeer(i % 2 != 0);
            guest.Run();
        }

        guest.OfferMessages(4);
        Assert.That(guest.MessagesSoFar(), Is.EqualTo(said));
    }

    [Test]
    public void Messages_wait_for_the_drivers_buffers()
    {
        var guest = Guest(ConsoleGuest.Console(0, _backEnd), SerialPort(1, null, "a"));
        guest.Start(controlBuffers: 0);
        guest.Tell(0, DeviceReady, 1);
        guest.Tell(0, PortReady, 1);
        guest.Tell(1, PortReady, 1);

        guest.OfferMessages(2);
        Assert.That(guest.MessagesSoFar(), Is.EqualTo(new[] { "add 0", "console 0" }));
        guest.OfferMessages(6);
        Assert.That(guest.MessagesSoFar(), Is.EqualTo(new[] { "open 0 1", "add 1", "name 1 a|" }));
    }

    [Test]
    public void A_name_that_has_no_room_in_its_buffer_is_cut_off()
    {
        var guest = Guest(SerialPort(1, null, new string('n', 1000)));
        guest.Start();
        guest.Tell(1, PortReady, 1);
        Assert.That(guest.Messages(), Is.EqualTo(new[] { $"name 1 {new string('n', (int)BufferLength - 8)}" }));
    }

    [TestCase(7u, PortReady, (ushort)1)]
    [TestCase(7u, PortOpen, (ushort)1)]
    [TestCase(1u, PortReady, (ushort)0)]
    [TestCase(1u, DeviceReady, (ushort)0)]
    [TestCase(1u, (ushort)99, (ushort)1)]
    public void What_says_nothing_known_is_ignored(uint port, ushort message, ushort value)
    {
        var guest = Guest(SerialPort(1, _backEnd, "a"));
        guest.Start();
        guest.Tell(port, message, value);
        guest.Send(ConsoleQueues.ControlOutput, [1, 0, 0]);

        Assert.That(guest.Messages(), Is.Empty);
        Assert.That(guest.Ring(ConsoleQueues.ControlOutput).UsedIndex, Is.EqualTo(2), "the driver gets both back");
    }

    [Test]
    public void A_message_in_several_parts_is_read_whole()
    {
        var guest = Guest(SerialPort(1, null));
        guest.Start();
        var ring = guest.Ring(ConsoleQueues.ControlOutput);
        guest.Driver.Context.Ram.At(0xc000, 8).Clear();
        guest.Driver.Context.Ram.Put16(0xc006, 1);
        ring.Describe(0, 0xc000, 5, DriverRing.Next, 1);
        ring.Describe(1, 0xc005, 3);
        ring.Offer(0);
        guest.Driver.Kick(ConsoleQueues.ControlOutput);

        Assert.That(guest.Messages(), Is.EqualTo(new[] { "add 1" }));
    }

    [Test]
    public void A_message_that_is_no_memory_needs_a_reset()
    {
        var guest = Guest(SerialPort(1, null));
        guest.Start();
        var ring = guest.Ring(ConsoleQueues.ControlOutput);
        ring.Describe(0, RingRam.Size, 8);
        ring.Offer(0);
        guest.Driver.Kick(ConsoleQueues.ControlOutput);
        Assert.That(guest.Driver.StatusNow & DeviceStatus.NeedsReset, Is.Not.Zero);
    }

    [Test]
    public void A_reset_by_the_driver_closes_the_ports_and_forgets_what_was_to_be_said()
    {
        var guest = Guest(SerialPort(1, _backEnd, "a"));
        guest.StartOpen(1);
        Assert.That(_backEnd.FrontendOpen, Is.True);
        guest.Tell(1, PortReady, 1);

        guest.Driver.Write(Status, 0);
        Assert.That(_backEnd.FrontendOpen, Is.False);
        guest.Start();
        Assert.That(guest.Messages(), Is.Empty);
        guest.Tell(1, PortReady, 1);
        Assert.That(guest.Messages(), Is.EqualTo(new[] { "name 1 a|", "open 1 1" }));
    }

    [Test]
    public void The_back_end_of_a_port_is_in_use_while_the_guest_has_it_open()
    {
        var console = new ManualChardev();
        var guest = Guest(ConsoleGuest.Console(0, console), SerialPort(1, _backEnd));
        Assert.That((console.FrontendOpen, _backEnd.FrontendOpen), Is.EqualTo((true, false)));

        guest.StartOpen(1);
        Assert.That(_backEnd.FrontendOpen, Is.True);
        guest.Tell(1, PortOpen, 0);
        Assert.That(_backEnd.FrontendOpen, Is.False);
    }

    [Test]
    public void A_character_without_a_queue_goes_to_the_first_console()
    {
        var guest = Guest(ConsoleGuest.Console(0, null), SerialPort(1, new ManualChardev()), ConsoleGuest.Console(2, _backEnd));
        guest.Driver.Write(ConfigurationSpace + 8, 'x');
        guest.Driver.Write(ConfigurationSpace + 4, 'y');

        Assert.That(_backEnd.Output, Is.EqualTo("x"u8.ToArray()));
        Assert.That(guest.Driver.Read(ConfigurationSpace + 4), Is.EqualTo(3));
    }

    [Test]
    public void A_number_is_one_ports_and_within_the_consoles_limit([Values(1u, 3u)] uint number) => Assert.That(
        () => Guest(SerialPort(1, null), SerialPort(number, null)), Throws.ArgumentException);

    private static int[] Sizes(MmioDriver driver)
    {
        return [.. Enumerable.Range(0, 9).Select(queue =>
        {
            driver.Write(QueueSelect, (uint)queue);
            return (int)driver.Read(QueueSizeMax);
        })];
    }

    private ConsoleGuest Guest(params Func<VirtioContext, ConsoleDevice, Port>[] ports)
    {
        var guest = new ConsoleGuest(ports);
        _guests.Add(guest);
        return guest;
    }
}

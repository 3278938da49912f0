using Vmm.Core.Chardevs;
using Vmm.Core.Devices.Virtio;
using Vmm.Core.Devices.Virtio.Console;
using Vmm.Core.State;
using static Vmm.Core.Devices.Virtio.Console.ConsoleRegisters;
using static Vmm.Core.Devices.Virtio.Transports.Mmio.VirtioMmioRegisters;
using static Vmm.Tests.Unit.Devices.Virtio.Console.ConsoleGuest;

namespace Vmm.Tests.Unit.Devices.Virtio.Console;

/// <summary>What a guest learns of the size of its consoles' terminals.</summary>
[Parallelizable(ParallelScope.All)]
[FixtureLifeCycle(LifeCycle.InstancePerTestCase)]
public sealed class ConsoleSizeTests : IDisposable
{
    private const uint Columns = ConfigurationSpace;

    private readonly ManualChardev _terminal = new();
    private readonly List<ConsoleGuest> _guests = [];

    public void Dispose()
    {
        _guests.ForEach(guest => guest.Dispose());
        _terminal.Dispose();
    }

    [TestCase(true)]
    [TestCase(false)]
    public void It_is_offered_only_if_that_is_asked_for(bool isAsked)
    {
        var guest = Guest(mostPorts: 1, offersSize: isAsked);

        Assert.That((guest.Driver.Device.Features & ConsoleRegisters.Size) != 0, Is.EqualTo(isAsked));
        Assert.That(guest.Driver.Read(Columns), Is.EqualTo(isAsked ? (24u << 16) + 80 : 0));
    }

    [Test]
    public void With_one_port_configuration_space_has_it_and_an_interrupt_says_when_it_changes()
    {
        var guest = Guest(mostPorts: 1);
        guest.Start(multiPort: false, features: ConsoleRegisters.Size);
        Assert.That(guest.Driver.Read(InterruptStatus) & VirtioInterrupt.Configuration, Is.Zero);
        uint generation = guest.Driver.Read(ConfigGeneration);

        _terminal.SetSize(132, 50);

        Assert.That(guest.Driver.Read(Columns), Is.EqualTo((50u << 16) + 132));
        Assert.That(guest.Driver.Read(InterruptStatus) & VirtioInterrupt.Configuration, Is.Not.Zero);
        Assert.That(guest.Driver.Read(ConfigGeneration), Is.Not.EqualTo(generation));
    }

    [Test]
    public void With_several_ports_a_message_says_it_of_each_console()
    {
        var guest = Guest(mostPorts: 3);
        guest.Start(features: ConsoleRegisters.Size);
        guest.Tell(0, DeviceReady, 1);
        guest.Tell(0, PortReady, 1);
        Assert.That(guest.Messages(), Is.EqualTo(new[] { "add 0", "console 0", "size 0 80 24", "open 0 1" }));

        _terminal.SetSize(132, 50);
        guest.Run();

        Assert.That(guest.Messages(), Is.EqualTo(new[] { "size 0 132 50" }));
    }

    [Test]
    public void A_driver_that_does_not_ask_is_not_bothered()
    {
        var guest = Guest(mostPorts: 3);
        guest.Start();
        guest.Tell(0, DeviceReady, 1);
        guest.Tell(0, PortReady, 1);
        _terminal.SetSize(132, 50);
        guest.Run();

        Assert.That(guest.Messages(), Has.None.StartsWith("size"));
    }

    [Test]
    public void Several_changes_before_the_driver_has_a_buffer_are_one_message()
    {
        var guest = Guest(mostPorts: 3);
        guest.Start(features: ConsoleRegisters.Size);
        guest.Tell(0, DeviceReady, 1);
        guest.Tell(0, PortReady, 1);
        _ = guest.Messages();
        for (ushort columns = 81; columns <= 90; columns++)
        {
            _terminal.SetSize(columns, 24);
        }

        guest.Run();

        Assert.That(guest.Messages(), Is.EqualTo(new[] { "size 0 90 24" }));
    }

    [Test]
    public void A_terminal_that_does_not_say_changes_nothing()
    {
        var guest = Guest(mostPorts: 1);
        guest.Start(multiPort: false, features: ConsoleRegisters.Size);

        _terminal.SetSize(0, 0);

        Assert.That(guest.Driver.Read(Columns), Is.EqualTo((24u << 16) + 80));
        Assert.That(guest.Driver.Read(InterruptStatus) & VirtioInterrupt.Configuration, Is.Zero);
    }

    [Test]
    public void Nothing_is_said_while_the_back_end_rests_and_all_of_it_afterwards()
    {
        var guest = Guest(mostPorts: 1);
        guest.Start(multiPort: false, features: ConsoleRegisters.Size);
        _terminal.Quiesce();

        _terminal.SetSize(132, 50);
        Assert.That(guest.Driver.Read(InterruptStatus) & VirtioInterrupt.Configuration, Is.Zero);
        _terminal.Resume();
        guest.Ports[0].Resume();

        Assert.That(guest.Driver.Read(InterruptStatus) & VirtioInterrupt.Configuration, Is.Not.Zero);
    }

    /// <summary>The next process has a terminal of its own.</summary>
    [Test]
    public void After_an_update_the_driver_learns_the_size_of_the_new_terminal()
    {
        var guest = Guest(mostPorts: 3);
        guest.Start(features: ConsoleRegisters.Size);
        guest.Tell(0, DeviceReady, 1);
        guest.Tell(0, PortReady, 1);
        _ = guest.Messages();
        _terminal.Quiesce();
        guest.Driver.Transport.Quiesce();
        byte[] state = guest.Driver.Save();

        using var terminal = new ManualChardev();
        terminal.SetSize(200, 60);
        terminal.Start();
        var next = new ConsoleGuest(guest.Driver.Context.Ram, 3, size: true, ConsoleGuest.Console(0, terminal));
        _guests.Add(next);
        next.Inherit(guest);
        next.Driver.Transport.Load(new StateReader(state));
        next.Driver.Transport.Resume();
        next.Ports[0].Resume();
        next.Run();

        Assert.That(next.MessagesSoFar(), Is.EqualTo(new[] { "size 0 200 60" }));
    }

    private ConsoleGuest Guest(int mostPorts, bool offersSize = true)
    {
        _terminal.SetSize(80, 24);
        _terminal.Start();
        var guest = new ConsoleGuest(new RingRam(), mostPorts, offersSize, ConsoleGuest.Console(0, _terminal));
        _guests.Add(guest);
        guest.Ports[0].Resume();
        return guest;
    }
}

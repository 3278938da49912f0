using Microsoft.Extensions.Time.Testing;
using Vmm.Core.Buses;
using Vmm.Core.Devices.Clock;
using Vmm.Core.Devices.Isa.Acpi;
using FixedHardware = Vmm.Core.Devices.Isa.Acpi.Acpi;

namespace Vmm.Tests.Unit.Devices;

[Parallelizable(ParallelScope.All)]
[FixtureLifeCycle(LifeCycle.InstancePerTestCase)]
public sealed class AcpiTests
{
    private const ushort Status = 0x600;
    private const ushort Enable = 0x602;
    private const ushort Control = 0x604;
    private const ushort Timer = 0x608;
    private const uint PowerButton = 0x100;
    private const uint SleepNow = 0x2000;

    private readonly FakeTimeProvider _host = new();
    private readonly RecordedLine _sci = new();
    private readonly RecordedPower _power = new();
    private readonly PortBus _bus = new();
    private readonly GuestClock _clock;
    private readonly FixedHardware _acpi;

    public AcpiTests()
    {
        _clock = new GuestClock(_host);
        _clock.Thaw();
        _acpi = new FixedHardware(_sci, _clock, _power);
        _bus.Attach(_acpi);
    }

    [Test]
    public void The_power_button_interrupts_a_guest_that_listens_until_it_acknowledges()
    {
        _bus.Write(Enable, 2, PowerButton);
        _acpi.Press();
        Assert.That(_sci.Level, Is.True);
        Assert.That(_bus.Read(Status, 2) & PowerButton, Is.Not.Zero);

        _bus.Write(Status, 2, PowerButton);

        Assert.That(_sci.Level, Is.False);
        Assert.That(_bus.Read(Status, 2) & PowerButton, Is.Zero);
    }

    [Test]
    public void A_guest_that_does_not_listen_is_not_interrupted_until_it_does()
    {
        _acpi.Press();
        Assert.That(_sci.Level, Is.False);

        _bus.Write(Enable, 2, PowerButton);

        Assert.That(_sci.Level, Is.True);
    }

    [Test]
    public void Acknowledging_one_event_leaves_the_others()
    {
        _acpi.Press();
        _bus.Write(Status, 2, 0xffff & ~PowerButton);

        Assert.That(_bus.Read(Status, 2) & PowerButton, Is.Not.Zero);
    }

    [Test]
    public void Sleep_type_5_with_sleep_enable_switches_off()
    {
        _bus.Write(Control, 2, SleepNow | (AcpiRegisters.SleepTypeS5 << 10));

        Assert.That(_power.Shutdowns, Is.EqualTo(1));
    }

    [Test]
    public void Writing_the_high_byte_alone_switches_off_too()
    {
        _bus.Write(Control + 1, 1, (SleepNow | (AcpiRegisters.SleepTypeS5 << 10)) >> 8);

        Assert.That(_power.Shutdowns, Is.EqualTo(1));
    }

    [TestCase(AcpiRegisters.SleepTypeS5 << 10, TestName = "Sleep_type_without_sleep_enable_does_nothing")]
    [TestCase(0x2000 | (3 << 10), TestName = "A_sleep_state_that_does_not_exist_does_nothing")]
    [TestCase(0x2000, TestName = "Sleep_type_0_does_nothing")]
    public void Nothing_happens(int control)
    {
        _bus.Write(Control, 2, (uint)control);

        Assert.That(_power.Shutdowns, Is.Zero);
    }

    [Test]
    public void The_machine_is_always_in_acpi_mode()
    {
        _bus.Write(Control, 2, 0);

        Assert.That(_bus.Read(Control, 2) & 1, Is.EqualTo(1));
    }

    [Test]
    public void The_timer_counts_3_579545_MHz_in_24_bits()
    {
        uint before = _bus.Read(Timer, 4);
        _host.Advance(TimeSpan.FromSeconds(1));
        Assert.That(_bus.Read(Timer, 4) - before, Is.EqualTo(3_579_545));

        _host.Advance(TimeSpan.FromSeconds(4));
        Assert.That(_bus.Read(Timer, 4), Is.EqualTo((5 * 3_579_545) & 0xffffff));
    }

    [Test]
    public void The_timer_status_is_set_when_the_highest_bit_changes_and_cleared_by_writing_it()
    {
        Assert.That(_bus.Read(Status, 2) & 1, Is.Zero);
        _host.Advance(TimeSpan.FromSeconds(2.5));
        Assert.That(_bus.Read(Status, 2) & 1, Is.EqualTo(1));

        _bus.Write(Status, 2, 1);

        Assert.That(_bus.Read(Status, 2) & 1, Is.Zero);
    }

    [Test]
    public void A_pending_event_interrupts_again_in_the_next_process()
    {
        _bus.Write(Enable, 2, PowerButton);
        _acpi.Press();
        var line = new RecordedLine();

        var successor = Handover.Of(_acpi, to: new FixedHardware(line, _clock, _power));

        Assert.That(line.Level, Is.True);
        Assert.That(successor.Read(0, 4), Is.EqualTo(PowerButton | (PowerButton << 16)));
    }

    [Test]
    public void A_reset_forgets_events_and_lowers_the_line()
    {
        _bus.Write(Enable, 2, PowerButton);
        _acpi.Press();

        _acpi.Reset();

        Assert.That(_sci.Level, Is.False);
        Assert.That(_bus.Read(Status, 4), Is.Zero);
    }

    [Test]
    public void Construction_and_the_first_reset_drive_no_wire()
    {
        var line = new RecordedLine();
        new FixedHardware(line, _clock, _power).Reset();

        Assert.That(line.Calls, Is.Zero);
    }

    [Test]
    public void Accesses_allocate_nothing() => Assert.That(
        Allocation.Of(() =>
        {
            _bus.Write(Enable, 2, PowerButton);
            _acpi.Press();
            _bus.Read(Timer, 4);
            _bus.Write(Status, 2, _bus.Read(Status, 2));
        }),
        Is.Zero);
}

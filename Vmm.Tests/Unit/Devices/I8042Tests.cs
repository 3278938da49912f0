using Vmm.Core.Buses;
using Vmm.Core.Devices.Isa.I8042;

namespace Vmm.Tests.Unit.Devices;

[Parallelizable(ParallelScope.All)]
[FixtureLifeCycle(LifeCycle.InstancePerTestCase)]
public sealed class I8042Tests
{
    private readonly RecordedPower _power = new();
    private readonly PortBus _bus = new();
    private readonly I8042 _controller;

    public I8042Tests()
    {
        _controller = new I8042(_power);
        _bus.Attach(_controller);
    }

    [TestCase(0xfe, 1, TestName = "Pulsing_the_reset_line_resets")]
    [TestCase(0xff, 0, TestName = "Pulsing_no_line_does_nothing")]
    public void Pulses(int command, int resets)
    {
        _bus.Write(0x64, 1, (uint)command);

        Assert.That(_power.Resets, Is.EqualTo(resets));
    }

    [TestCase(0x02, 1, TestName = "Lowering_the_reset_line_in_the_output_port_resets")]
    [TestCase(0x03, 0, TestName = "Switching_A20_by_the_output_port_does_not_reset")]
    public void Output_port(int value, int resets)
    {
        _bus.Write(0x64, 1, 0xd1);
        _bus.Write(0x60, 1, (uint)value);

        Assert.That(_power.Resets, Is.EqualTo(resets));
    }

    [Test]
    public void The_controller_passes_its_self_test()
    {
        _bus.Write(0x64, 1, 0xaa);

        Assert.That(_bus.Read(0x64, 1) & 1, Is.EqualTo(1), "an answer is there");
        Assert.That(_bus.Read(0x60, 1), Is.EqualTo(0x55));
        Assert.That(_bus.Read(0x64, 1) & 1, Is.Zero, "and was taken");
    }

    [Test]
    public void The_mode_byte_reads_as_written()
    {
        _bus.Write(0x64, 1, 0x60);
        _bus.Write(0x60, 1, 0x47);
        _bus.Write(0x64, 1, 0x20);

        Assert.That(_bus.Read(0x60, 1), Is.EqualTo(0x47));
    }

    [Test]
    public void A_byte_for_the_keyboard_goes_nowhere()
    {
        _bus.Write(0x60, 1, 0xff);

        Assert.That(_bus.Read(0x64, 1) & 1, Is.Zero);
    }

    [Test]
    public void A_command_that_waits_for_its_parameter_survives_a_handover()
    {
        _bus.Write(0x64, 1, 0xd1);

        var successor = Handover.Of(_controller, to: new I8042(_power));
        successor.DataPort.WriteByte(0, 0x02);

        Assert.That(_power.Resets, Is.EqualTo(1));
    }

    [Test]
    public void Accesses_allocate_nothing() => Assert.That(
        Allocation.Of(() =>
        {
            _bus.Write(0x64, 1, 0xaa);
            _bus.Read(0x60, 1);
        }),
        Is.Zero);
}

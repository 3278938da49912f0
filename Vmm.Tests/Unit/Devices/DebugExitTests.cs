using Vmm.Core.Buses;
using Vmm.Core.Devices.Isa.DebugExit;

namespace Vmm.Tests.Unit.Devices;

[Parallelizable(ParallelScope.All)]
public sealed class DebugExitTests
{
    [TestCase(0x501, 1, 0, 1)]
    [TestCase(0x501, 1, 0x10, 0x21)]
    [TestCase(0x502, 1, 3, 7)]
    [TestCase(0x501, 2, 0x100, 0x201)]
    public void A_write_asks_for_an_exit_with_twice_the_value_plus_one(int port, int size, int value, int status)
    {
        var power = new RecordedPower();
        var bus = new PortBus();
        bus.Attach(new DebugExit(0x501, 2, power));

        bus.Write((ushort)port, size, (uint)value);

        Assert.That(power.ExitStatus, Is.EqualTo(status));
    }

    [Test]
    public void A_read_answers_0_and_asks_for_nothing()
    {
        var power = new RecordedPower();
        IPortDevice exit = new DebugExit(0x501, 2, power);

        Assert.That(exit.Read(0, 2), Is.Zero);
        Assert.That(power.ExitStatus, Is.Null);
    }
}

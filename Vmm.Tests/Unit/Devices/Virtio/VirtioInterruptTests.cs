using Vmm.Core.Devices.Virtio;
using static Vmm.Core.Devices.Virtio.Transports.Mmio.VirtioMmioRegisters;

namespace Vmm.Tests.Unit.Devices.Virtio;

/// <summary>What a driver must see of an interrupt for which there is more than one cause.</summary>
[Parallelizable(ParallelScope.All)]
[FixtureLifeCycle(LifeCycle.InstancePerTestCase)]
public sealed class VirtioInterruptTests : IDisposable
{
    private readonly MmioDriver _driver = MmioDriver.Echo();

    private RecordedLine Line => _driver.Context.Line;

    public void Dispose() => _driver.Dispose();

    [Test]
    public void A_cause_that_an_acknowledgement_leaves_raises_again()
    {
        var ring = _driver.Start();
        ring.Describe(0, 0x4000, 1, DriverRing.Next, 1);
        ring.Describe(1, 0x4100, 64, DriverRing.Write);
        ring.Offer(0);
        _driver.Kick();
        ring.Offer(99);
        _driver.Kick();
        Assert.That(_driver.Read(InterruptStatus), Is.EqualTo(VirtioInterrupt.All));
        Assert.That(Line.Rises, Is.EqualTo(1), "it is high already");

        _driver.Write(InterruptAcknowledge, VirtioInterrupt.UsedBuffer);
        Assert.That(_driver.Read(InterruptStatus), Is.EqualTo(VirtioInterrupt.Configuration));
        Assert.That(Line.Rises, Is.EqualTo(2), "the driver does not know of it: an input that is edge-triggered must see it rise");

        _driver.Write(InterruptAcknowledge, VirtioInterrupt.Configuration);
        Assert.That(Line.Level, Is.False);
        Assert.That(Line.Rises, Is.EqualTo(2));
    }
}

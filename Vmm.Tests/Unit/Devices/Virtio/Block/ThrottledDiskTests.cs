using static Vmm.Core.Devices.Virtio.Block.BlockRegisters;

namespace Vmm.Tests.Unit.Devices.Virtio.Block;

[Parallelizable(ParallelScope.All)]
[FixtureLifeCycle(LifeCycle.InstancePerTestCase)]
public sealed class ThrottledDiskTests : IDisposable
{
    private readonly string _path = BlockDriver.NewImage();

    public void Dispose() => File.Delete(_path);

    [Test]
    public void A_request_beyond_the_limits_waits_and_goes_at_once_when_the_device_is_drained()
    {
        using var disk = new BlockDriver(_path, limits: new("group0") { ReadRequests = new(Average: 1) });
        disk.Offer(In, 0, BlockDriver.SectorSize, deviceWrites: true);
        ushort second = disk.Offer(In, 1, BlockDriver.SectorSize, deviceWrites: true, BlockDriver.Data + 512);
        disk.Driver.Kick();
        Assert.That(disk.Host.Submitted, Has.Count.EqualTo(1));
        Assert.That(disk.Driver.Context.Thread.Armed, Has.Exactly(1).InRange(TimeSpan.FromMilliseconds(500), TimeSpan.FromSeconds(1)));

        disk.Driver.Transport.Quiesce();
        var drained = disk.Driver.Transport.DrainAsync();
        disk.Driver.Context.Thread.ElapseAll();
        Assert.That(disk.Host.Submitted, Has.Count.EqualTo(2));
        disk.Host.AnswerAll();
        Assert.That(drained.IsCompleted, Is.True);
        Assert.That(disk.StatusOf(second), Is.EqualTo(Ok));
    }
}

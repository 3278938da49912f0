using Vmm.Lab.Drivers;
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

    [Test]
    public void One_that_needs_no_host_is_given_back_when_its_time_has_come()
    {
        using var disk = new BlockDriver(_path, discard: false, limits: new("group0") { WriteRequests = new(Average: 1) });
        disk.PutRange(0, 1);
        disk.Offer(Discard, 0, 16, deviceWrites: false);
        disk.Offer(Discard, 0, 16, deviceWrites: false);
        disk.Driver.Kick();
        Assert.That(disk.Ring.UsedIndex, Is.EqualTo(1));

        disk.Driver.Context.Thread.ElapseAll();

        Assert.That(disk.Ring.UsedIndex, Is.EqualTo(2));
        Assert.That(disk.Driver.Transport.DrainAsync().IsCompleted, "nothing is in flight");
    }

    [Test]
    public async Task A_driver_that_takes_a_queue_back_waits_for_no_limit()
    {
        const uint QueueReady = 0x44;
        using var disk = new BlockDriver(_path, limits: new("group0") { ReadRequests = new(Average: 1) });
        disk.Offer(In, 0, BlockDriver.SectorSize, deviceWrites: true);
        ushort second = disk.Offer(In, 1, BlockDriver.SectorSize, deviceWrites: true, BlockDriver.Data + 512);
        disk.Driver.Kick();
        disk.Host.AnswerAll();

        var taken = Task.Run(() => disk.Driver.Write(QueueReady, 0));
        Assert.That(SpinWait.SpinUntil(() => disk.Driver.Context.Thread.Armed.Any(delay => delay < TimeSpan.FromMilliseconds(1)), Timeouts.Answer));
        disk.Driver.Context.Thread.ElapseAll();
        disk.Host.AnswerAll();
        await taken.WaitAsync(Timeouts.Answer);

        Assert.That(disk.StatusOf(second), Is.EqualTo(Ok));
    }

    [Test]
    public async Task Nor_when_the_other_queues_are_to_be_served_meanwhile()
    {
        const uint QueueSelect = 0x30;
        const uint QueueReady = 0x44;
        using var disk = new BlockDriver(_path, new() { QueueSize = 16, Queues = 2 }, limits: new("group0") { ReadRequests = new(Average: 1) }, ringSize: 16);
        disk.Driver.SetUp(1, new DriverRing(disk.Ram, 8, 0x7000, 0x400));
        for (ulong sector = 0; sector < 3; sector++)
        {
            disk.Offer(In, sector, BlockDriver.SectorSize, deviceWrites: true);
        }

        disk.Driver.Kick();
        disk.Host.AnswerAll();
        disk.Driver.Write(QueueSelect, 0);
        var taken = Task.Run(() => disk.Driver.Write(QueueReady, 0));
        Assert.That(SpinWait.SpinUntil(() => disk.Driver.Context.Thread.Armed.Any(delay => delay < TimeSpan.FromMilliseconds(1)), Timeouts.Answer));

        disk.Driver.Transport.Resume();
        disk.Driver.Context.Thread.Run();
        disk.Driver.Context.Thread.ElapseAll();
        disk.Host.AnswerAll();
        await taken.WaitAsync(Timeouts.Answer);

        Assert.That(disk.Ring.UsedIndex, Is.EqualTo(3));
    }
}

using Vmm.Core.Backends.Block;
using Vmm.Core.Devices.Virtio;
using Vmm.Core.Devices.Virtio.Block;
using Vmm.Core.Loop;
using static Vmm.Core.Devices.Virtio.Block.BlockRegisters;
using static Vmm.Core.Devices.Virtio.Transports.Mmio.VirtioMmioRegisters;

namespace Vmm.Tests.Unit.Devices.Virtio.Block;

[Parallelizable(ParallelScope.All)]
[FixtureLifeCycle(LifeCycle.InstancePerTestCase)]
public sealed class BlockDeviceTests : IDisposable
{
    private const int NoSpace = -28;
    private const int InputOutput = -5;
    private const uint SectorSize = BlockDriver.SectorSize;

    private readonly string _path = BlockDriver.NewImage();
    private readonly List<BlockDriver> _drivers = [];

    public void Dispose()
    {
        _drivers.ForEach(driver => driver.Dispose());
        File.Delete(_path);
    }

    [Test]
    public void It_is_a_block_device_of_the_files_size()
    {
        var disk = Disk();
        Assert.That(disk.Driver.Read(DeviceId), Is.EqualTo(2));
        Assert.That(disk.Driver.Transport.SectionName, Is.EqualTo("virtio-mmio@00000000feb02e00/virtio-blk"));
        Assert.That(disk.Configuration(0, 8), Is.EqualTo(BlockDriver.Sectors));
        Assert.That(disk.Configuration(12, 4), Is.EqualTo(6), "segments of a request");
        Assert.That(disk.Configuration(20, 4), Is.EqualTo(512));
        Assert.That(disk.Configuration(34, 2), Is.EqualTo(1), "queues");
    }

    [Test]
    public void A_read_brings_the_files_bytes()
    {
        var disk = Disk();
        Assert.That(disk.Do(In, sector: 3, 2 * SectorSize, deviceWrites: true), Is.EqualTo(Ok));
        Assert.That(disk.Ram.At(BlockDriver.Data, 512).ToArray(), Is.All.EqualTo(4));
        Assert.That(disk.Ram.At(BlockDriver.Data + 512, 512).ToArray(), Is.All.EqualTo(5));
        Assert.That(disk.Ring.UsedAt(0), Is.EqualTo((0u, 1025u)));
        Assert.That(disk.Driver.Context.Line.Level, Is.True);
    }

    [Test]
    public void A_write_reaches_the_file()
    {
        var disk = Disk();
        disk.Ram.At(BlockDriver.Data, 512).Fill(0xab);
        Assert.That(disk.Do(Out, sector: 5, SectorSize), Is.EqualTo(Ok));
        Assert.That(Sector(5), Is.All.EqualTo(0xab));
        Assert.That(Sector(4), Is.All.EqualTo(5));
        Assert.That(Sector(6), Is.All.EqualTo(7));
    }

    [Test]
    public void Requests_come_back_in_the_order_in_which_the_host_is_done()
    {
        var disk = Disk();
        ushort first = disk.Offer(In, 0, SectorSize, deviceWrites: true);
        ushort second = disk.Offer(In, 1, SectorSize, deviceWrites: true, BlockDriver.Data + 512);
        disk.Driver.Kick();
        disk.Host.Answer(at: 1);
        Assert.That(disk.StatusOf(first), Is.Null);
        Assert.That(disk.StatusOf(second), Is.EqualTo(Ok));
        Assert.That(disk.Ring.UsedAt(0).Head, Is.EqualTo(3));
        disk.Host.Answer();
        Assert.That(disk.StatusOf(first), Is.EqualTo(Ok));
    }

    [TestCase(16ul, 512u, TestName = "A_read_behind_the_end_fails")]
    [TestCase(15ul, 1024u, TestName = "A_read_across_the_end_fails")]
    [TestCase(ulong.MaxValue, 512u, TestName = "A_read_at_the_last_sector_number_fails")]
    [TestCase(0ul, 100u, TestName = "A_read_of_less_than_a_sector_fails")]
    public void What_is_not_on_the_disk_cannot_be_read(ulong sector, uint length)
    {
        var disk = Disk();
        Assert.That(disk.Do(In, sector, length, deviceWrites: true), Is.EqualTo(IoError));
        Assert.That(disk.Disk.Statistics.Invalid(BlockTraffic.Read), Is.EqualTo(1));
    }

    [Test]
    public void A_read_only_disk_says_so_and_refuses_writes()
    {
        var disk = Disk(readOnly: true);
        Assert.That(disk.Driver.Device.Features & ReadOnlyFeature, Is.Not.Zero);
        Assert.That(disk.Do(Out, 0, SectorSize), Is.EqualTo(IoError));
        Assert.That(Sector(0), Is.All.EqualTo(1));
    }

    [Test]
    public void A_short_transfer_is_continued_where_it_ended()
    {
        var disk = Disk();
        ushort request = disk.Offer(In, 0, 4 * SectorSize, deviceWrites: true);
        disk.Driver.Kick();
        disk.Host.Answer(result: 700);
        Assert.That(disk.StatusOf(request), Is.Null);
        Assert.That(disk.Host.Submitted[0].Offset, Is.EqualTo(700));
        disk.Host.Answer();
        Assert.That(disk.StatusOf(request), Is.EqualTo(Ok));
        Assert.That(disk.Ram.At(BlockDriver.Data + 1024, 512).ToArray(), Is.All.EqualTo(3));
    }

    [Test]
    public void Behind_the_end_of_a_file_are_zeros()
    {
        File.WriteAllBytes(_path, [.. Enumerable.Repeat((byte)9, 700)]);
        var disk = Disk();
        Assert.That(disk.Configuration(0, 8), Is.EqualTo(2), "the last sector counts as whole");
        disk.Ram.At(BlockDriver.Data, 1024).Fill(0xff);
        Assert.That(disk.Do(In, 0, 2 * SectorSize, deviceWrites: true), Is.EqualTo(Ok));
        Assert.That(disk.Ram.At(BlockDriver.Data + 699, 2).ToArray(), Is.EqualTo(new byte[] { 9, 0 }));
    }

    [Test]
    public void A_flush_asks_the_host()
    {
        var disk = Disk();
        ushort request = disk.Offer(Flush, 0, 0, deviceWrites: false);
        disk.Driver.Kick();
        Assert.That(disk.Host.Submitted[0].Operation, Is.EqualTo(IoOperation.Flush));
        disk.Host.Answer();
        Assert.That(disk.StatusOf(request), Is.EqualTo(Ok));
    }

    [TestCase(VirtioFeatures.Version1, TestName = "Writes_of_a_driver_without_flushes_are_durable")]
    public void A_write_is_followed_by_a_flush(ulong features)
    {
        var disk = Disk(features: features);
        ushort request = disk.Offer(Out, 0, SectorSize, deviceWrites: false);
        disk.Driver.Kick();
        disk.Host.Answer();
        Assert.That(disk.StatusOf(request), Is.Null);
        Assert.That(disk.Host.Submitted[0].Operation, Is.EqualTo(IoOperation.Flush));
        disk.Host.Answer();
        Assert.That(disk.StatusOf(request), Is.EqualTo(Ok));
    }

    [Test]
    public void The_driver_can_switch_the_write_cache_off()
    {
        var disk = Disk();
        Assert.That(disk.Configuration(32, 1), Is.EqualTo(1));
        disk.Driver.Transport.Write(0x100 + 32, [0]);
        Assert.That(disk.Configuration(32, 1), Is.Zero);
        disk.Offer(Out, 0, SectorSize, deviceWrites: false);
        disk.Driver.Kick();
        disk.Host.Answer();
        Assert.That(disk.Host.Submitted[0].Operation, Is.EqualTo(IoOperation.Flush));
    }

    [Test]
    public void The_serial_number_is_read_as_twenty_bytes()
    {
        var disk = Disk(new() { QueueSize = 8, Serial = "0123456789abcdefghijKLMN" });
        disk.Ram.At(BlockDriver.Data, 32).Fill(0xff);
        Assert.That(disk.Do(GetId, 0, 32, deviceWrites: true), Is.EqualTo(Ok));
        Assert.That(disk.Ram.At(BlockDriver.Data, 20).ToArray(), Is.EqualTo("0123456789abcdefghij"u8.ToArray()));
        Assert.That(disk.Ram.At(BlockDriver.Data + 20, 1)[0], Is.EqualTo(0xff));
    }

    [Test]
    public void Zeros_are_written()
    {
        var disk = Disk();
        disk.PutRange(2, 3);
        Assert.That(disk.Do(WriteZeroes, 0, 16), Is.EqualTo(Ok));
        Assert.That(Sector(2).Concat(Sector(4)), Is.All.Zero);
        Assert.That(Sector(5), Is.All.EqualTo(6));
    }

    [Test]
    public void Zeros_that_the_file_system_cannot_make_are_written()
    {
        var disk = Disk();
        disk.PutRange(2, 3);
        ushort request = disk.Offer(WriteZeroes, 0, 16, deviceWrites: false);
        disk.Driver.Kick();
        disk.Host.Answer(result: -95);
        Assert.That(disk.Host.Submitted[0].Operation, Is.EqualTo(IoOperation.Write));
        disk.Host.Answer();
        Assert.That(disk.StatusOf(request), Is.EqualTo(Ok));
        Assert.That(Sector(2).Concat(Sector(4)), Is.All.Zero);
        Assert.That(Sector(1).Concat(Sector(5)), Has.None.Zero);
    }

    [TestCase(true)]
    [TestCase(false)]
    public void A_discard_gives_space_back_if_the_node_allows_it(bool allowed)
    {
        var disk = Disk(discard: allowed);
        disk.PutRange(0, 8);
        Assert.That(disk.Do(Discard, 0, 16), Is.EqualTo(Ok));
        Assert.That(Sector(0)[0], Is.EqualTo(allowed ? 0 : 1));
        Assert.That(new FileInfo(_path).Length, Is.EqualTo(BlockDriver.Sectors * SectorSize));
    }

    [TestCase(Discard, 1u, Unsupported, TestName = "A_discard_with_the_flag_of_zeros_is_unsupported")]
    [TestCase(WriteZeroes, 2u, Unsupported, TestName = "Zeros_with_an_unknown_flag_are_unsupported")]
    [TestCase(Discard, 0u, IoError, 17u, TestName = "A_discard_across_the_end_fails")]
    public void A_range_is_checked(uint type, uint flags, byte status, uint sectors = 1)
    {
        var disk = Disk();
        disk.PutRange(0, sectors, flags);
        Assert.That(disk.Do(type, 0, 16), Is.EqualTo(status));
        Assert.That(Sector(0), Is.All.EqualTo(1));
    }

    [Test]
    public void A_type_that_no_one_knows_is_unsupported() => Assert.That(Disk().Do(99, 0, SectorSize), Is.EqualTo(Unsupported));

    [Test]
    public void A_request_without_a_status_needs_a_reset()
    {
        var disk = Disk();
        disk.Ring.Describe(0, 0x5000, 16);
        disk.Ring.Offer(0);
        disk.Driver.Kick();
        Assert.That(disk.Driver.StatusNow & DeviceStatus.NeedsReset, Is.Not.Zero);
    }

    [Test]
    public void A_request_whose_data_is_no_RAM_needs_a_reset()
    {
        var disk = Disk();
        disk.Offer(In, 0, SectorSize, deviceWrites: true, RingRam.Size);
        disk.Driver.Kick();
        Assert.That(disk.Driver.StatusNow & DeviceStatus.NeedsReset, Is.Not.Zero);
        Assert.That(disk.Host.Submitted, Is.Empty);
    }

    [Test]
    public void An_error_is_reported_to_the_guest()
    {
        var disk = Disk();
        ushort request = disk.Offer(In, 0, SectorSize, deviceWrites: true);
        disk.Driver.Kick();
        disk.Host.Answer(result: InputOutput);
        Assert.That(disk.StatusOf(request), Is.EqualTo(IoError));
        Assert.That(disk.Errors.Reports, Is.EqualTo(new[] { (true, 5, BlockErrorAction.Report) }));
        Assert.That(disk.Disk.Statistics.Failed(BlockTraffic.Read), Is.EqualTo(1));
    }

    [Test]
    public void An_error_that_is_ignored_is_a_success()
    {
        var disk = Disk(new() { QueueSize = 8, ReadError = BlockErrorAction.Ignore });
        ushort request = disk.Offer(In, 0, SectorSize, deviceWrites: true);
        disk.Driver.Kick();
        disk.Host.Answer(result: InputOutput);
        Assert.That(disk.StatusOf(request), Is.EqualTo(Ok));
    }

    [Test]
    public void A_write_without_space_is_held_and_made_again_when_the_guest_continues()
    {
        var disk = Disk();
        disk.Ram.At(BlockDriver.Data, 512).Fill(0xab);
        ushort request = disk.Offer(Out, 5, SectorSize, deviceWrites: false);
        disk.Driver.Kick();
        disk.Host.Answer(result: NoSpace);
        Assert.That(disk.StatusOf(request), Is.Null);
        disk.Driver.Kick();
        Assert.That(disk.Host.Submitted, Is.Empty, "not before the guest continues");

        disk.Driver.Device.GuestContinues();
        disk.Driver.Context.Thread.Run();
        disk.Host.Answer();
        Assert.That(disk.StatusOf(request), Is.EqualTo(Ok));
        Assert.That(Sector(5), Is.All.EqualTo(0xab));
    }

    [Test]
    public void A_held_request_goes_over_with_the_guest()
    {
        var old = Disk();
        old.Ram.At(BlockDriver.Data, 512).Fill(0xab);
        ushort request = old.Offer(Out, 5, SectorSize, deviceWrites: false);
        old.Driver.Kick();
        old.Host.Answer(result: NoSpace);
        old.Driver.Transport.Quiesce();
        Assert.That(old.Driver.Transport.DrainAsync().IsCompleted, Is.True, "held is not in flight");

        var arrived = Disk(state: old.Driver.Save());
        old.Ram.Bytes.CopyTo(arrived.Ram.Bytes);
        arrived.Driver.Transport.Resume();
        arrived.Driver.Context.Thread.Run();
        Assert.That(arrived.Driver.StatusNow & DeviceStatus.NeedsReset, Is.Zero);
        Assert.That(arrived.Host.Submitted, Is.Empty);
        arrived.Driver.Device.GuestContinues();
        arrived.Driver.Context.Thread.Run();
        arrived.Host.Answer();
        Assert.That(arrived.StatusOf(request), Is.EqualTo(Ok));
        Assert.That(Sector(5), Is.All.EqualTo(0xab));
    }

    [Test]
    public void It_is_drained_when_the_last_request_has_come_back()
    {
        var disk = Disk();
        disk.Offer(In, 0, SectorSize, deviceWrites: true);
        disk.Offer(In, 1, SectorSize, deviceWrites: true);
        disk.Driver.Kick();
        disk.Driver.Transport.Quiesce();
        var drained = disk.Driver.Transport.DrainAsync();
        disk.Host.Answer();
        Assert.That(drained.IsCompleted, Is.False);
        disk.Host.Answer();
        Assert.That(drained.IsCompleted, Is.True);
        Assert.That(disk.Ring.UsedIndex, Is.EqualTo(2), "published before it counts as drained");
        Assert.That(disk.Driver.Transport.DrainAsync().IsCompleted, Is.True);
    }

    [Test]
    public void A_stop_that_is_given_up_loses_no_request()
    {
        var disk = Disk();
        ushort request = disk.Offer(In, 0, SectorSize, deviceWrites: true);
        disk.Driver.Kick();
        disk.Driver.Transport.Quiesce();
        disk.Driver.Transport.Resume();
        disk.Driver.Context.Thread.Run();
        Assert.That(disk.Driver.StatusNow & DeviceStatus.NeedsReset, Is.Zero);
        disk.Host.Answer();
        Assert.That(disk.StatusOf(request), Is.EqualTo(Ok));
        Assert.That(disk.Do(In, 1, SectorSize, deviceWrites: true), Is.EqualTo(Ok));
    }

    [Test]
    public void A_reset_by_the_driver_waits_for_its_requests()
    {
        var disk = Disk();
        disk.Offer(In, 0, SectorSize, deviceWrites: true);
        disk.Driver.Kick();
        var reset = Task.Factory.StartNew(
            () => disk.Driver.Write(Status, 0), CancellationToken.None, TaskCreationOptions.LongRunning, TaskScheduler.Default);
        Assert.That(reset.Wait(TimeSpan.FromMilliseconds(50)), Is.False, "the host may still write to the driver's memory");
        disk.Host.Answer();
        reset.Wait();
        Assert.That(disk.Driver.StatusNow, Is.Zero);
    }

    [Test]
    public void A_change_of_size_is_announced()
    {
        var disk = Disk();
        disk.Graph.Resize("node0", 32 * SectorSize);
        Assert.That(disk.Configuration(0, 8), Is.EqualTo(32));
        Assert.That(disk.Driver.Read(InterruptStatus) & 2, Is.Not.Zero);
        Assert.That(disk.Driver.Read(ConfigGeneration), Is.EqualTo(1));
        Assert.That(new FileInfo(_path).Length, Is.EqualTo(32 * SectorSize));
    }

    [Test]
    public void A_request_allocates_nothing()
    {
        var disk = Disk();
        for (int i = 0; i < 64; i++)
        {
            disk.Do(In, 0, SectorSize, deviceWrites: true);
        }

        long before = GC.GetAllocatedBytesForCurrentThread();
        for (int i = 0; i < 256; i++)
        {
            disk.Do(In, 0, SectorSize, deviceWrites: true);
        }

        Assert.That(GC.GetAllocatedBytesForCurrentThread() - before, Is.Zero);
    }

    private BlockDriver Disk(
        BlockDeviceOptions? options = null, ulong features = BlockDriver.All, bool readOnly = false, bool discard = true, byte[]? state = null)
    {
        var driver = new BlockDriver(_path, options, features, readOnly, discard, state);
        _drivers.Add(driver);
        return driver;
    }

    private byte[] Sector(int number) => [.. File.ReadAllBytes(_path).Skip(number * 512).Take(512)];
}

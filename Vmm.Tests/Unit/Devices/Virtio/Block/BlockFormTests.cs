using Vmm.Core.Devices.Virtio;
using Vmm.Core.Devices.Virtio.Block;
using Vmm.Core.State;
using Vmm.Tests.Unit.Devices.Virtio.Saved;
using static Vmm.Core.Devices.Virtio.Transports.Mmio.VirtioMmioRegisters;

namespace Vmm.Tests.Unit.Devices.Virtio.Block;

/// <summary>A block device in a saved file.</summary>
[Parallelizable(ParallelScope.All)]
[FixtureLifeCycle(LifeCycle.InstancePerTestCase)]
public sealed class BlockFormTests : IDisposable
{
    private const int ConfigurationEnd = 24 + 57;
    private const int QueueLength = 18;
    private const int ElementLength = 49168;

    private readonly string _path = BlockDriver.NewImage();
    private readonly List<BlockDriver> _drivers = [];

    public void Dispose()
    {
        _drivers.ForEach(driver => driver.Dispose());
        File.Delete(_path);
    }

    [Test]
    public void What_QEMU_has_saved_is_loaded_and_saved_as_it_was() => SavedForms.AssertQemusOwn(Disk().Driver, QemuSections.Block);

    [Test]
    public void A_driver_makes_of_it_what_it_makes_of_QEMUs()
    {
        var disk = Disk(BlockDriver.All, ringSize: 4);
        disk.Driver.Transport.Quiesce();
        disk.Driver.Write(DeviceFeaturesSelect, 1);

        var (qemus, rest) = SavedForms.Save(disk.Driver.Transport);
        Assert.That(QemuSections.Text(qemus), Is.EqualTo(QemuSections.Text(QemuSections.Block)));
        Assert.That(rest, Is.Null);
    }

    // The reference's sample has a device that was started, which is a subsection of 21 bytes.
    [Test]
    public void Without_a_driver_it_is_as_long_as_QEMUs() => Assert.That(SavedForms.Save(Disk().Driver.Transport).Qemus, Has.Length.EqualTo(44270 - 21));

    [TestCase(DeviceStatus.All)]
    [TestCase(DeviceStatus.Driver)]
    public void Nothing_of_a_record_is_lost(uint status)
    {
        var state = new BlockState(queues: 2) { HeldCount = 2, Held = [new() { Queue = 0, Head = 3 }, new() { Queue = 1, Head = 5 }] };
        SavedForms.Fill(state.Virtio, BlockDriver.All | BlockRegisters.MultiQueueFeature, status: status);
        var disk = Disk(queues: 2);
        disk.Driver.Load(SavedForms.Own(BlockState.Layout, state));

        Assert.That(SavedForms.AssertNothingIsLost(disk.Driver, Disk(queues: 2).Driver), Is.True);
    }

    [Test]
    public void A_switched_cache_takes_no_section_of_ours()
    {
        var state = new BlockState(queues: 1) { WriteCache = false };
        var disk = Disk();
        disk.Driver.Load(SavedForms.Own(BlockState.Layout, state));

        Assert.That(SavedForms.AssertNothingIsLost(disk.Driver, Disk().Driver), Is.False);
    }

    [Test]
    public void A_request_that_QEMU_holds_is_held_here()
    {
        var disk = Disk(queues: 2);
        disk.Driver.Transport.Quiesce();
        SavedForms.Load(disk.Driver.Transport, QemuSections.BlockWithRequest);

        var state = new BlockState(queues: 2);
        new StateReader(disk.Driver.Save()).Read(BlockState.Layout, state);
        Assert.That(state.HeldCount, Is.EqualTo(1));
        Assert.That((state.Held[0].Queue, state.Held[0].Head), Is.EqualTo((1, 3)));
        Assert.That((state.Virtio.Queues[1].NextAvailable, state.Virtio.Queues[1].NextUsed), Is.EqualTo((1, 0)));
        Assert.That(SavedForms.AssertNothingIsLost(disk.Driver, Disk(queues: 2).Driver), Is.True);
    }

    [Test]
    public void A_configuration_space_that_the_guest_never_read_says_nothing_of_the_cache()
    {
        var disk = Disk();
        byte[] unread = SavedForms.Save(disk.Driver.Transport).Qemus.With(24, new byte[57]);
        SavedForms.Load(disk.Driver.Transport, unread);

        var state = new BlockState(queues: 1);
        new StateReader(disk.Driver.Save()).Read(BlockState.Layout, state);
        Assert.That(state.WriteCache, Is.True);
    }

    [TestCase(20, 257u, "virtio-blk.virtio: config_len: at most 256 expected, 257 found")]
    [TestCase(ConfigurationEnd, 1025u, "virtio-blk.virtio: number of queues: at most 1024 expected, 1025 found")]
    [TestCase(16, 1u, "virtio-blk.virtio: virtio/64bit_features: 0x1 in the lower half expected, as before, 0x30006a00 found")]
    public void A_number_that_cannot_be_is_refused(int at, uint value, string message)
    {
        byte[] bytes = [(byte)(value >> 24), (byte)(value >> 16), (byte)(value >> 8), (byte)value];
        SavedForms.AssertRefused(Disk().Driver, QemuSections.Block.With(at, bytes), null, message);
    }

    [Test]
    public void A_list_of_requests_that_is_none_is_refused()
    {
        const int List = ConfigurationEnd + 4 + QueueLength;
        SavedForms.AssertRefused(
            Disk().Driver, QemuSections.Block.With(List, 2), null,
            "virtio-blk.virtio: request list: 1 for another request or 0 for its end expected, 2 found");

        byte[] request = [1, .. new byte[ElementLength]];
        SavedForms.AssertRefused(
            Disk().Driver, [.. QemuSections.Block[..List], .. request, .. request, .. request, .. request, 1], null,
            "virtio-blk.virtio: request list: at most 4 requests expected, more found");
        SavedForms.AssertRefused(
            Disk().Driver, [.. QemuSections.Block[..List], .. request.With(3, 1), 0], null,
            "virtio-blk.virtio: index of an element: at most 1023 expected, 65536 found");
        SavedForms.AssertRefused(
            Disk().Driver, [.. QemuSections.Block[..List], .. request.With(5, 1, 4), 0], null,
            "virtio-blk.virtio: out_num of an element: at most 1024 expected, 1025 found");
        SavedForms.AssertRefused(
            Disk(queues: 2).Driver, QemuSections.BlockWithRequest.With(List + QueueLength + 4, 2), null,
            "virtio-blk.virtio: queue of a request: at most 1 expected, 2 found");
    }

    [Test]
    public void A_device_with_other_queues_is_refused() =>
        SavedForms.AssertRefused(Disk(queues: 2).Driver, QemuSections.Block, null, "virtio number of queues: 2 expected, 1 found");

    [Test]
    public void A_legacy_device_is_refused()
    {
        const int SubsectionsAt = ConfigurationEnd + 4 + QueueLength + 1;
        const int FeaturesLength = 35;
        SavedForms.AssertRefused(
            Disk().Driver, QemuSections.Block[..(SubsectionsAt + FeaturesLength)], null,
            "virtio: a device of virtio 1 expected, a legacy one without 'virtio/virtqueues' found");
    }

    [Test]
    public void A_subsection_that_is_not_known_is_refused()
    {
        byte[] bytes = [.. QemuSections.Block];
        bytes[^6] = (byte)'e';
        SavedForms.AssertRefused(
            Disk().Driver, bytes, null, "virtio-blk.virtio: virtio: unknown, repeated or misplaced subsection 'virtio/startee'");
    }

    [TestCase("queues[0].num: 4 expected, as in the device's other section, 5 found", 23, 5)]
    [TestCase("queues[0].ready: 1 expected, as in the device's other section, 0 found", 24, 0)]
    [TestCase("queues[0].desc: 4096 expected, as in the device's other section, 4097 found", 32, 1)]
    [TestCase("queues[0].avail: 8192 expected, as in the device's other section, 8193 found", 40, 1)]
    [TestCase("queues[0].used: 12288 expected, as in the device's other section, 12289 found", 48, 1)]
    [TestCase("queues[0].last_avail_idx: 0 expected, as in the device's other section, 1 found", 50, 1)]
    public void Sections_that_contradict_each_other_are_refused(string message, int at, byte value)
    {
        var disk = Disk();
        byte[] rest = RestOf(disk);
        SavedForms.AssertRefused(disk.Driver, QemuSections.Block, rest.With(at, value), $"vmm/virtio {message}");
    }

    [Test]
    public void Another_number_of_queues_in_ours_is_refused()
    {
        const int Queues = 4 + 18;
        var disk = Disk();
        SavedForms.AssertRefused(
            disk.Driver, QemuSections.Block, RestOf(disk).With(Queues - 2, 0, 0)[..Queues],
            "vmm/virtio queue_count: 1 expected, as in the device's other section, 0 found");
    }

    [Test]
    public void Requests_in_both_sections_are_refused()
    {
        var disk = Disk(queues: 2);
        disk.Driver.Transport.Quiesce();
        SavedForms.Load(disk.Driver.Transport, QemuSections.BlockWithRequest);
        byte[] rest = SavedForms.Save(disk.Driver.Transport).Ours!;
        SavedForms.AssertRefused(
            disk.Driver, QemuSections.BlockWithRequest, rest, "virtio-blk request list: none expected beside 'vmm/virtio-blk', 1 found");
    }

    /// <summary>The section of ours of a device that has loaded what QEMU has saved and of which one register differs.</summary>
    private static byte[] RestOf(BlockDriver disk)
    {
        disk.Driver.Transport.Quiesce();
        SavedForms.Load(disk.Driver.Transport, QemuSections.Block);
        disk.Driver.Write(QueueSelect, 0x12345);
        return SavedForms.Save(disk.Driver.Transport).Ours!;
    }

    private BlockDriver Disk(ulong features = 0, int queues = 1, ushort ringSize = 8)
    {
        _drivers.Add(new BlockDriver(_path, new() { QueueSize = 8, Queues = queues }, features, ringSize: ringSize));
        return _drivers[^1];
    }
}

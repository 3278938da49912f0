using System.Diagnostics;
using System.Text.Json;
using Vmm.Lab.Drivers;
using Vmm.Tests.EndToEnd.Driving;

namespace Vmm.Tests.EndToEnd.Updates;

/// <summary>A guest that writes to its disk without a pause, booted from each form of a disk's options, and updated in the middle of it.</summary>
[Parallelizable(ParallelScope.All)]
[FixtureLifeCycle(LifeCycle.InstancePerTestCase)]
public sealed class UpdatedDiskOptionsTests : UpdateTest
{
    private const uint Limit = 200;

    /// <summary>A bucket's burst, and the requests that the guest has under way at once.</summary>
    private const uint AtOnce = (Limit / 10) + DiskLog.Depth;

    private readonly string _image = DiskLog.Busy.NewImage();

    [TearDown]
    public void DeleteImage() => File.Delete(_image);

    [Test]
    public async Task A_disk_of_a_thread_of_its_own_loses_no_write_and_has_a_thread_in_each_process()
    {
        var last = await IsWholeAfterHopsAsync(
            "-object", "iothread,id=io0", "-blockdev", $"driver=file,node-name=disk0,filename={_image}", "-device", "virtio-blk-device,drive=disk0,iothread=io0");

        int thread = (await last.Qmp.ExecuteAsync("query-iothreads"))[0].GetProperty("thread-id").GetInt32();
        Assert.That(Directory.Exists($"/proc/{last.Process.Pid}/task/{thread}"), Is.True);
    }

    [Test]
    public async Task A_drive_with_an_implied_device_boots_and_loses_no_write() =>
        await IsWholeAfterHopsAsync("-drive", $"if=virtio,file={_image},format=raw");

    [TestCase("io_uring")]
    [TestCase("threads")]
    public async Task A_disk_past_the_hosts_cache_loses_no_write_and_stays_past_it(string aio)
    {
        const int PastTheCache = 0x4000; // O_DIRECT
        var last = await IsWholeAfterHopsAsync(
            "-blockdev", $"driver=file,node-name=disk0,filename={_image},cache.direct=on,aio={aio}", "-device", "virtio-blk-device,drive=disk0");

        string image = Directory.GetFiles($"/proc/{last.Process.Pid}/fd").Single(link => new FileInfo(link).LinkTarget == _image);
        string flags = File.ReadLines($"/proc/{last.Process.Pid}/fdinfo/{Path.GetFileName(image)}").Single(line => line.StartsWith("flags:", StringComparison.Ordinal));
        Assert.That(Convert.ToInt32(flags["flags:".Length..].Trim(), 8) & PastTheCache, Is.Not.Zero);
    }

    [Test]
    public async Task A_drives_limit_holds_in_each_process()
    {
        var last = await IsLimitedAsync("-drive", $"if=virtio,file={_image},format=raw,throttling.iops-total={Limit}");

        Assert.That((await InsertedAsync(last)).GetProperty("iops").GetUInt32(), Is.EqualTo(Limit));
    }

    [Test]
    public async Task The_limit_of_a_group_holds_in_each_process()
    {
        var last = await IsLimitedAsync(
            "-object", $"throttle-group,id=group0,x-iops-total={Limit}",
            "-blockdev", $"driver=file,node-name=file0,filename={_image}",
            "-blockdev", "driver=throttle,node-name=disk0,throttle-group=group0,file=file0",
            "-device", "virtio-blk-device,drive=disk0");

        Assert.That((await InsertedAsync(last)).GetProperty("drv").GetString(), Is.EqualTo("throttle"));
    }

    private static async Task<JsonElement> InsertedAsync(Generation generation) =>
        (await generation.Qmp.ExecuteAsync("query-block"))[0].GetProperty("inserted");

    /// <summary>Writes take no less time than they must: a busy host only makes them slower.</summary>
    private static async Task IsSlowAsync(GuestRam ram)
    {
        const uint Writes = 200;
        var clock = Stopwatch.StartNew();
        ulong before = ram.Count;
        await ram.WaitPastAsync(before + Writes);
        Assert.That(clock.Elapsed.TotalSeconds, Is.GreaterThan((double)(Writes - AtOnce) / Limit));
    }

    private async Task<Generation> IsLimitedAsync(params string[] disk)
    {
        var old = await BootAsync("disk", disk);
        var ram = Keep(GuestRam.Of(old.Process));
        await IsSlowAsync(ram);
        var successor = await HopAsync(old);
        await IsSlowAsync(ram);
        return successor;
    }

    private async Task<Generation> IsWholeAfterHopsAsync(params string[] disk)
    {
        var generation = await BootAsync("disk", disk);
        var ram = Keep(GuestRam.Of(generation.Process));
        for (int hop = 0; hop < 3; hop++)
        {
            await ram.WaitPastAsync(ram.Count + 500);
            generation = await HopAsync(generation);
        }

        await ram.WaitPastAsync(ram.Count + 500);
        await generation.Qmp.ExecuteAsync("stop");
        DiskLog.Busy.Check(_image, ram.Read);
        return generation;
    }
}

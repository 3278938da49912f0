using Vmm.Lab.Drivers;
using Vmm.Tests.EndToEnd.Driving;

namespace Vmm.Tests.EndToEnd.Updates;

/// <summary>
/// A guest that writes to its disk without a pause, 32 requests at a time, goes over in the middle of it. The image says what was written, the
/// guest's memory what it was told.
/// </summary>
[Parallelizable(ParallelScope.All)]
[FixtureLifeCycle(LifeCycle.InstancePerTestCase)]
public sealed class UpdatedDiskTests : UpdateTest
{
    private readonly string _image = DiskLog.Busy.NewImage();

    [TearDown]
    public void DeleteImage() => File.Delete(_image);

    [TestCase("aio=io_uring")]
    [TestCase("aio=threads")]
    [Promise(51)]
    public async Task No_write_that_was_acknowledged_is_missing_after_many_hops(string aio)
    {
        var generation = await BootAsync("disk", Disk($"{_image},{aio}"));
        var ram = Keep(GuestRam.Of(generation.Process));
        for (int hop = 0; hop < 6; hop++)
        {
            await ram.WaitPastAsync(ram.Count + 500);
            generation = await HopAsync(generation);
            await ram.WaitForAllRequestsAsync(DiskLog.Busy);
        }

        await ram.WaitPastAsync(ram.Count + 500);
        await generation.Qmp.ExecuteAsync("stop");
        DiskLog.Busy.Check(_image, ram.Read);
    }

    [Test]
    public async Task No_third_process_can_take_the_disk_before_during_or_after_a_hop()
    {
        var generation = await BootAsync("disk", Disk(_image));
        var ram = Keep(GuestRam.Of(generation.Process));
        for (int hop = 0; hop < 2; hop++)
        {
            await ram.WaitForProgressAsync();
            await ExpectLockedAsync();
            generation = await HopAsync(generation);
        }

        await ExpectLockedAsync();
    }

    [Test]
    public async Task A_guest_that_was_stopped_for_want_of_space_goes_over_and_continues_there()
    {
        string folder = InFolder("small");
        Directory.CreateDirectory(folder);
        await RunAsync("mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", folder);
        try
        {
            string image = DiskLog.Busy.NewImage(folder);

            // Started by cont: the first write that fails with ENOSPC raises one event, and the session has to be negotiated by then.
            var generation = await BootAsync("disk", [.. Disk(image), "-S"]);
            var ram = Keep(GuestRam.Of(generation.Process));
            await generation.Qmp.ExecuteAsync("cont");
            var error = await generation.Qmp.WaitForEventAsync("BLOCK_IO_ERROR");
            Assert.That(error.Data.GetProperty("nospace").GetBoolean(), Is.True);
            Assert.That(error.Data.GetProperty("action").GetString(), Is.EqualTo("stop"));
            await generation.Qmp.WaitForEventAsync("STOP");
            Assert.That(await generation.StatusAsync(), Is.EqualTo("io-error"));

            generation = await HopAsync(generation);
            Assert.That(await generation.StatusAsync(), Is.EqualTo("io-error"));
            ulong before = ram.Count;
            await RunAsync("mount", "-o", "remount,size=64m", folder);
            await generation.Qmp.ExecuteAsync("cont");
            await ram.WaitForAllRequestsAsync(DiskLog.Busy);
            await ram.WaitPastAsync(before + 2000);
            await generation.Qmp.ExecuteAsync("stop");
            DiskLog.Busy.Check(image, ram.Read);
            await QuitAsync(generation);
        }
        finally
        {
            await RunAsync("umount", "--lazy", folder);
        }
    }

    [Test]
    [Promise(52)]
    public async Task Neither_memory_nor_disk_of_a_stopped_guest_changes()
    {
        var generation = await BootAsync(
            "disk",
            "-object", "throttle-group,id=slow,x-iops-total=1000", "-blockdev", $"driver=file,node-name=file0,filename={_image}",
            "-blockdev", "driver=throttle,node-name=disk0,file=file0,throttle-group=slow", "-device", "virtio-blk-device,drive=disk0,id=vda");
        var ram = Keep(GuestRam.Of(generation.Process));
        for (int stop = 0; stop < 10; stop++)
        {
            await ram.WaitForProgressAsync();
            await generation.Qmp.ExecuteAsync("stop");
            var (memory, disk) = (ram.Digest(), await File.ReadAllBytesAsync(_image));
            for (int look = 0; look < 10; look++)
            {
                await generation.Qmp.ExecuteAsync("query-blockstats");
                Assert.That(ram.Digest(), Is.EqualTo(memory));
            }

            Assert.That(await File.ReadAllBytesAsync(_image), Is.EqualTo(disk));
            await generation.Qmp.ExecuteAsync("cont");
            await ram.WaitForAllRequestsAsync(DiskLog.Busy);
        }
    }

    [Test]
    public async Task A_disk_of_another_size_or_place_in_its_file_is_a_reason_before_the_pause()
    {
        var old = await BootAsync("disk", Disk(_image));
        var ram = Keep(GuestRam.Of(old.Process));
        var route = new UpdateRoute("disk");
        await AwaitGuestAsync(TinyMachine.Silent("disk").With(Disk(_image, "offset=512")), route.Listening());
        await route.AskAsync(old.Qmp);
        Assert.That(await old.ExpectFailureAsync(), Does.Contain("raw from 512"));
        await ram.WaitForProgressAsync();
    }

    [Test]
    public async Task One_that_grows_while_an_update_is_prepared_is_as_large_in_the_new_process()
    {
        const long Larger = 64 << 20;
        var old = await BootAsync("disk", Disk(_image));
        var ram = Keep(GuestRam.Of(old.Process));
        var route = new UpdateRoute("grown");
        var successor = await AwaitGuestAsync(route, deferred: true);
        await route.AskAsync(old.Qmp);
        await BusyAsync(successor);

        await old.Qmp.ExecuteAsync("block_resize", $$"""{"node-name": "disk0", "size": {{Larger}}}""");
        await successor.Qmp.ExecuteAsync("migrate-incoming", $$"""{"uri": "unix:{{route.Main}}"}""");
        await ExpectHandoverAsync(old, successor);

        var nodes = (await successor.Qmp.ExecuteAsync("query-named-block-nodes")).EnumerateArray();
        var disk = nodes.Single(node => node.GetProperty("node-name").GetString() == "disk0");
        Assert.That(disk.GetProperty("image").GetProperty("virtual-size").GetInt64(), Is.EqualTo(Larger));
        await ram.WaitForAllRequestsAsync(DiskLog.Busy);
    }

    private static string[] Disk(string file, string? raw = null) =>
    [
        "-blockdev", $"driver=file,node-name=file0,filename={file}",
        "-blockdev", $"driver=raw,node-name=disk0,file=file0{(raw is null ? "" : $",{raw}")}",
        "-device", "virtio-blk-device,drive=disk0,id=vda",
    ];

    private static async Task RunAsync(string program, params string[] arguments)
    {
        using var process = System.Diagnostics.Process.Start(program, arguments);
        await process.WaitForExitAsync();
        Assert.That(process.ExitCode, Is.Zero, $"{program} {string.Join(' ', arguments)}");
    }

    private async Task ExpectLockedAsync()
    {
        var third = await StartAsync(TinyMachine.Silent("disk").With(Disk(_image)));
        Assert.That(await third.Exited.WaitAsync(Timeouts.Answer), Is.EqualTo(1));
        Assert.That(third.Errors, Does.Contain("Failed to get \"write\" lock. Is another process using the image"));
    }
}

using Vmm.Tests.EndToEnd.Driving;

namespace Vmm.Tests.EndToEnd.Updates;

/// <summary>A guest that writes to its disk without a pause goes over from the program before today's, back to it, and over again.</summary>
[Parallelizable(ParallelScope.All)]
[FixtureLifeCycle(LifeCycle.InstancePerTestCase)]
public sealed class UpdatedDiskPredecessorTests() : TwoVersionsTest(Second)
{
    private readonly string _image = DiskLog.Busy.NewImage();

    [TearDown]
    public void DeleteImage() => File.Delete(_image);

    [Test]
    [Promise(40)]
    [Promise(41)]
    public async Task No_write_is_missing_there_and_back([Values] UpdateForm form)
    {
        string[] devices =
        [
            "-drive", $"if=none,id=disk0,format=raw,file={_image}", "-device", "virtio-blk-device,drive=disk0,id=vda,serial=one",
            "-chardev", "ringbuf,id=console,size=4096", "-device", "virtio-serial-device", "-device", "virtconsole,chardev=console",
            "-device", "virtio-rng-device",
        ];
        var generation = await BootInPredecessorAsync("disk", devices);
        var ram = Keep(GuestRam.Of(generation.Process));

        await ram.WaitPastAsync(ram.Count + 500);
        generation = await HopAsync(generation, form);
        await ram.WaitPastAsync(ram.Count + 500);

        var back = new UpdateRoute("back");
        var earlier = await AwaitGuestInPredecessorAsync(back, form);
        await back.AskAsync(generation.Qmp, form);
        await ExpectHandoverAsync(generation, earlier);
        await ram.WaitPastAsync(ram.Count + 500);

        generation = await HopAsync(earlier, form);
        await ram.WaitPastAsync(ram.Count + 500);
        await ram.WaitForAllRequestsAsync(DiskLog.Busy);
        await generation.Qmp.ExecuteAsync("stop");
        DiskLog.Busy.Check(_image, ram.Read);
    }
}

using System.Globalization;
using System.Text.RegularExpressions;
using Vmm.Lab.Drivers;
using Vmm.Lab.Hosts;
using Vmm.Tests.EndToEnd.Updates;

namespace Vmm.Tests.Lab;

/// <summary>
/// fio on the disk of a Debian guest while that is updated: random writes to a file on ext4 past the page cache, 32 at once, each block with a checksum that
/// is read back and verified. The image is a file that io_uring serves, on an I/O thread of the disk's own.
/// </summary>
public sealed partial class LinuxFioTests() : LinuxGuestTest(
    Math.Min(2, HostSelector.ProcessorsForGuests),
    [
        .. LinuxDevices.BootFromDisk,
        "-object", "iothread,id=io0",
        "-blockdev", "driver=file,node-name=disk0,filename=disk.img,aio=io_uring,discard=unmap",
        "-device", "virtio-blk-device,drive=disk0,id=vda,iothread=io0",
    ])
{
    // Each pass begins with a seed of its own, so that a block of an earlier pass is not taken for one of this. The last block that was written is read
    // at the pass' end at the latest.
    private const string Fio =
        "fio --name=verify --filename=/fio.data --size=48M --rw=randwrite --bsrange=4k-16k --ioengine=io_uring --iodepth=32 --direct=1 --thread "
        + "--randrepeat=0 --verify=crc32c --verify_fatal=1 --verify_backlog=128 --verify_state_save=0 --output-format=json";

    private const string Passes =
        $"(n=0; until [ -e /tmp/enough ]; do {Fio} --output=/tmp/fio.$n >> /tmp/fio.errors 2>&1 || echo \"pass $n failed\" >> /tmp/fio.errors; "
        + "n=$((n + 1)); done; echo $n > /tmp/passes) > /dev/null 2>&1 & until [ -s /fio.data ]; do usleep 50000; done";

    [Soak(20)]
    public Task Every_block_reads_as_it_was_written_over_many_updates(int hops) => SkippingEmulatorFlawsAsync(async () =>
    {
        await Guest.RunAsync(Passes, Timeouts.Boot);
        await UsesIoUringAsync();
        for (int hop = 0; hop < hops; hop++)
        {
            await Guest.HopAsync(hop % 2 == 0 ? UpdateForm.CprUri : UpdateForm.Channels, ticksBetween: 10);
        }

        await UsesIoUringAsync();
        await Guest.RunAsync("touch /tmp/enough; until [ -s /tmp/passes ]; do usleep 50000; done", 4 * Timeouts.Boot);
        int passes = int.Parse(await Guest.RunAsync("cat /tmp/passes"), CultureInfo.InvariantCulture);
        string errors = await Guest.RunAsync("cat /tmp/fio.errors");
        string report = await Guest.RunAsync("grep -hE '\"(error|total_ios|total_err)\"|\"(read|write|trim|sync)\" :' /tmp/fio.[0-9]*");
        int saved = await Guest.SavedAsync();
        string kernel = await Guest.KernelLogAsync("i/o error|ext4-fs error|blk_update_request|vda.*(error|timeout)");
        await Guest.Qmp.ExecuteAsync("system_powerdown");
        await ExpectOffAsync();
        var disk = await DiskVerdict.OfAsync(HostFixture.Host, Guest.Image, saved);

        long written = Total(report, "write");
        long verified = Total(report, "read");
        await TestContext.Out.WriteLineAsync($"{hops} hops, {passes} passes of fio, {written} requests written, {verified} read and verified; {disk}");
        Assert.Multiple(() =>
        {
            Assert.That(errors, Is.Empty, "what fio complained of");
            Assert.That(ErrorNumber().Matches(report).Select(error => error.Groups[1].Value), Is.EqualTo(Enumerable.Repeat("0", passes)), "errors");
            Assert.That(written, Is.GreaterThan(0), "requests written");
            Assert.That(verified, Is.EqualTo(written), "requests verified");
            Assert.That(kernel, Is.Empty);
            Assert.That(disk.Faults, Is.Empty);
        });
    });

    /// <inheritdoc/>
    private protected override async Task<LinuxGuestParts> MakePartsAsync()
    {
        await using var here = new LocalHost();
        await here.RunAsync($"exec {Shell.Quote(Repository.Path("lab/image"))} fio");
        return new LinuxGuestParts { Disk = Repository.Path("out/lab/fio.img") };
    }

    /// <summary>Where the host refuses io_uring a pool of threads takes its place, which is not what is tested here.</summary>
    private async Task UsesIoUringAsync() => Assert.That(
        await HostFixture.Host.RunAsync($"ls -l /proc/{Guest.Process.Pid}/fd"), Does.Contain("anon_inode:[io_uring]"));

    /// <summary>The requests of a kind, of all passes together.</summary>
    private static long Total(string report, string kind) => Requests().Matches(report)
        .Where(count => count.Groups[1].Value == kind)
        .Sum(count => long.Parse(count.Groups[2].ValueSpan, CultureInfo.InvariantCulture));

    [GeneratedRegex("\"error\" : (\\d+)")]
    private static partial Regex ErrorNumber();

    [GeneratedRegex("\"(read|write|trim|sync)\" : .*\\n.*\"total_ios\" : (\\d+)")]
    private static partial Regex Requests();
}

using System.Globalization;
using Vmm.Lab.Drivers;
using Vmm.Lab.Hosts;
using Vmm.Tests.EndToEnd.Updates;

namespace Vmm.Tests.Lab;

/// <summary>A Debian guest whose root file system is on a virtio disk, to which it writes and fsyncs while it is updated.</summary>
public sealed class LinuxDiskTests() : LinuxGuestTest(
    Math.Min(2, HostSelector.ProcessorsForGuests),
    "-append", "console=ttyS0 quiet root=/dev/vda",
    "-blockdev", "driver=file,node-name=disk0,filename=disk.img,discard=unmap",
    "-device", "virtio-blk-device,drive=disk0,id=vda,serial=first",
    "-device", "virtio-rng-device")
{
    private const int Hops = 4;

    private int _saved;

    [Test, Order(1)]
    public Task Its_root_is_the_disk() => SkippingEmulatorFlawsAsync(async () =>
    {
        Assert.That(await Guest.RunAsync("grep ' / ' /proc/mounts | cut -d' ' -f1-3"), Does.Contain("/dev/vda / ext4").Or.Contain("/dev/root / ext4"));
        Assert.That(await Guest.RunAsync("echo $(cat /sys/block/vda/serial)"), Is.EqualTo("first\n"));
        Assert.That(await Guest.RunAsync("cat /sys/block/vda/queue/write_cache"), Is.EqualTo("write back\n"));
    });

    [Test, Order(2)]
    public Task Updates_in_the_middle_of_writes_stop_no_writer() => SkippingEmulatorFlawsAsync(async () =>
    {
        for (int hop = 0; hop < Hops; hop++)
        {
            int before = await SavedAsync();
            await Guest.HopAsync(hop % 2 == 0 ? UpdateForm.CprUri : UpdateForm.Channels);
            Assert.That(await SavedAsync(), Is.GreaterThan(before), "records saved since");
        }

        _saved = await SavedAsync();
        Assert.That((await Guest.JudgeAsync()).Faults, Is.Empty);
    });

    [Test, Order(3)]
    public Task The_kernel_saw_no_error_of_the_disk() => SkippingEmulatorFlawsAsync(async () =>
        Assert.That(await Guest.KernelLogAsync("i/o error|ext4-fs error|blk_update_request|vda.*(error|timeout)"), Is.Empty));

    [Test, Order(4)]
    public Task After_power_off_every_reported_record_is_on_the_disk() => SkippingEmulatorFlawsAsync(async () =>
    {
        await Guest.Qmp.ExecuteAsync("system_powerdown");
        await ExpectOffAsync();
        var verdict = await DiskVerdict.OfAsync(HostFixture.Host, Guest.Image, _saved);
        await TestContext.Out.WriteLineAsync(verdict.ToString());
        Assert.That(verdict.Faults, Is.Empty);
        Assert.That(verdict.Records, Is.GreaterThan(0));
    });

    private async Task<int> SavedAsync() => int.Parse(await Guest.RunAsync("cat /tmp/saved"), CultureInfo.InvariantCulture);
}

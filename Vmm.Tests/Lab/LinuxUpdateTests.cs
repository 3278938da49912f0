using Vmm.Lab.Drivers;
using Vmm.Lab.Hosts;
using Vmm.Tests.EndToEnd.Updates;

namespace Vmm.Tests.Lab;

/// <summary>The life of a Debian guest: boot, ten live updates, a reboot without the files it came from, one more update, the power button.</summary>
[TestFixtureSource(nameof(VcpuCounts))]
public sealed class LinuxUpdateTests(int vcpus) : LinuxGuestTest(vcpus, "-device", "virtio-rng-device,id=rng0")
{
    /// <summary>Takes 64 bytes of the hardware's random numbers again and again, and keeps their digests.</summary>
    private const string ReadsRandomNumbers =
        "(while dd if=/dev/hwrng of=/tmp/block bs=64 count=1 iflag=fullblock; do md5sum < /tmp/block >> /tmp/blocks; usleep 50000; done; "
        + "echo stopped >> /tmp/blocks) > /dev/null 2>&1 &";

    /// <summary>Waits until some have come since this was asked.</summary>
    private const string ReadsMore =
        "n=$(wc -l < /tmp/blocks); i=0; while [ $(wc -l < /tmp/blocks) -lt $((n + 3)) ]; do i=$((i + 1)); [ $i -lt 600 ] || exit 1; usleep 50000; done";

    private readonly int _vcpus = vcpus;

    /// <summary>One vCPU, and as many as have a processor each.</summary>
    private static int[] VcpuCounts => [.. new[] { 1, Math.Min(4, HostSelector.ProcessorsForGuests) }.Distinct()];

    [Test, Order(1)]
    public Task The_guest_uses_every_vcpu() => SkippingEmulatorFlawsAsync(async () => Assert.That(await Guest.RunAsync("nproc"), Is.EqualTo($"{_vcpus}\n")));

    [Test, Order(1)]
    public Task The_guest_takes_its_time_from_kvm_clock_or_tsc() => SkippingEmulatorFlawsAsync(async () => Assert.That(
        await Guest.RunAsync("cat /sys/devices/system/clocksource/clocksource0/current_clocksource"),
        Is.AnyOf("kvm-clock\n", "tsc\n")));

    [Test, Order(1)]
    public Task The_kernel_finds_nothing_wrong_with_firmware_and_tables() => SkippingEmulatorFlawsAsync(async () =>
        Assert.That(await Guest.KernelLogAsync(@"\[firmware bug\]|acpi[^,]* (error|warning|exception)|acpi: .*(fail|invalid|unable)"), Is.Empty));

    [Test, Order(1)]
    public Task The_kernel_takes_random_numbers_from_the_virtio_device() => SkippingEmulatorFlawsAsync(async () =>
    {
        Assert.That(await Guest.RunAsync("cat /sys/class/misc/hw_random/rng_current"), Is.EqualTo("virtio_rng.0\n"));
        await Guest.RunAsync(ReadsRandomNumbers);
    });

    /// <summary>
    /// The driver's notification ends in KVM (ioeventfd), and so does the interrupt (irqfd, MSI route); what goes to user space is reading the
    /// interrupt status and acknowledging it. QEMU's microvm has 2.00 such exits and 2.07 interrupts a request.
    /// </summary>
    [Test, Order(2)]
    public Task A_request_to_the_virtio_device_costs_two_exits_to_user_space() => SkippingEmulatorFlawsAsync(async () =>
    {
        var before = await VirtioCost.ReadAsync(HostFixture.Host, Guest);
        await Guest.RunAsync("dd if=/dev/hwrng of=/dev/null bs=64 count=300 iflag=fullblock 2> /dev/null");
        var cost = await VirtioCost.ReadAsync(HostFixture.Host, Guest) - before;

        await TestContext.Out.WriteLineAsync(cost.ToString());
        Assert.That(cost.Requests, Is.GreaterThanOrEqualTo(300));
        Assert.That(cost.MmioExits, Is.InRange(1.9 * cost.Requests, 2.1 * cost.Requests));
    });

    [Test, Order(2)]
    public Task The_console_shows_a_steady_pulse() => SkippingEmulatorFlawsAsync(async () =>
    {
        var verdict = await Guest.JudgeAsync();

        Expect(verdict);
    });

    /// <summary>Ten with several vCPUs; a few are enough to show that one vCPU is no special case.</summary>
    [Test, Order(3)]
    public Task Many_updates_in_both_forms_leave_the_pulse_as_it_was() => SkippingEmulatorFlawsAsync(async () =>
    {
        int hops = _vcpus == VcpuCounts[^1] ? 10 : 4;
        for (var hop = 0; hop < hops; hop++)
        {
            await Guest.HopAsync(hop % 2 == 0 ? UpdateForm.CprUri : UpdateForm.Channels);
            await Guest.RunAsync(ReadsMore);
        }

        var verdict = await Guest.JudgeAsync();
        Expect(verdict);
    });

    [Test, Order(4)]
    public Task Its_random_numbers_continued_and_none_came_twice() => SkippingEmulatorFlawsAsync(async () =>
    {
        Assert.That(await Guest.RunAsync("sort /tmp/blocks | uniq -d"), Is.Empty);
        Assert.That(await Guest.RunAsync("grep -c stopped /tmp/blocks || true"), Is.EqualTo("0\n"));
    });

    [Test, Order(4)]
    public Task The_kernel_never_doubts_a_clock_or_a_vcpu() => SkippingEmulatorFlawsAsync(async () =>
        Assert.That(await Guest.KernelLogAsync(Doubts), Is.Empty));

    [Test, Order(5)]
    public Task With_kernel_and_initrd_deleted_a_reboot_comes_up_and_the_next_update_works() => SkippingEmulatorFlawsAsync(async () =>
    {
        await Guest.DeleteKernelAsync();
        await RebootAsync();
        await Guest.HopAsync(UpdateForm.CprUri);

        var verdict = await Guest.JudgeAsync();
        Expect(verdict);
    });

    [Test, Order(6)]
    public Task The_power_button_switches_the_updated_guest_off() => SkippingEmulatorFlawsAsync(async () =>
    {
        await Guest.Qmp.ExecuteAsync("system_powerdown");

        await ExpectOffAsync();
    });

    private static void Expect(PulseVerdict verdict) => Assert.That(verdict.Holds, Is.True, verdict.ToString());
}

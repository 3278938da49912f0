namespace Vmm.Tests.Lab;

/// <summary>A Debian guest that restarts and switches off itself, with no update before.</summary>
public sealed class LinuxPowerTests() : LinuxGuestTest(2)
{
    [Test, Order(1)]
    public Task A_reboot_resets_the_machine_and_the_guest_comes_up_again() => EmulatorFlaws.SkippingEmulatorFlawsAsync(async () =>
    {
        await RebootAsync();

        Assert.That(await Guest.RunAsync("nproc"), Is.EqualTo("2\n"));
    });

    [Test, Order(2)]
    public Task A_reset_from_outside_brings_the_guest_up_again() => EmulatorFlaws.SkippingEmulatorFlawsAsync(async () =>
    {
        await Guest.RebootAsync(() => Guest.Qmp.ExecuteAsync("system_reset"));

        var reset = await Guest.Qmp.WaitForEventAsync("RESET");
        Assert.That(reset.Data.GetProperty("reason").GetString(), Is.EqualTo("host-qmp-system-reset"));
    });

    [Test, Order(3)]
    public Task Poweroff_ends_the_process_with_success() => EmulatorFlaws.SkippingEmulatorFlawsAsync(async () =>
    {
        await Guest.Console.TypeAsync("poweroff -f");

        await ExpectOffAsync();
    });
}

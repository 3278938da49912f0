namespace Vmm.Tests.Lab;

/// <summary>A Debian guest whose power button is pressed, with no update before.</summary>
public sealed class LinuxPowerButtonTests() : LinuxGuestTest(1)
{
    [Test]
    public Task The_power_button_switches_the_guest_off() => EmulatorFlaws.SkippingEmulatorFlawsAsync(async () =>
    {
        await Guest.Qmp.ExecuteAsync("system_powerdown");

        await Guest.Qmp.WaitForEventAsync("POWERDOWN");
        await ExpectOffAsync();
    });
}

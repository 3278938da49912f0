using Vmm.Lab.Drivers;
using Vmm.Tests.EndToEnd.Driving;

namespace Vmm.Tests.EndToEnd.Running;

/// <summary>Guests that switch themselves off, reset themselves, or shut down by a triple fault.</summary>
[Parallelizable(ParallelScope.All)]
[FixtureLifeCycle(LifeCycle.InstancePerTestCase)]
public sealed class GuestEndTests : EndToEndTest
{
    [Test]
    public async Task A_guest_that_powers_off_ends_the_program_with_status_0()
    {
        var (vmm, qmp) = await BootAsync("poweroff");
        await qmp.ExecuteAsync("cont");

        await ExpectShutdownAsync(qmp, guest: true, "guest-shutdown");

        Assert.That(await ExitOfAsync(vmm), Is.Zero);
    }

    [Test]
    public async Task With_no_shutdown_it_stays_and_a_reset_brings_it_back()
    {
        var (vmm, qmp) = await BootAsync("poweroff", "-no-shutdown");
        await qmp.ExecuteAsync("cont");
        await ExpectShutdownAsync(qmp, guest: true, "guest-shutdown");
        await qmp.WaitForEventAsync("STOP");

        var status = await qmp.ExecuteAsync("query-status");
        var refused = Assert.ThrowsAsync<QmpException>(() => qmp.ExecuteAsync("cont"));
        await qmp.ExecuteAsync("system_reset");
        await qmp.ExecuteAsync("cont");
        await ExpectShutdownAsync(qmp, guest: true, "guest-shutdown");

        Assert.Multiple(() =>
        {
            Assert.That(status.GetProperty("status").GetString(), Is.EqualTo("shutdown"));
            Assert.That(status.GetProperty("running").GetBoolean(), Is.False);
            Assert.That(refused?.Message, Is.EqualTo("Resetting the Virtual Machine is required"));
            Assert.That(vmm.Exited.IsCompleted, Is.False);
        });
    }

    [Test]
    public async Task A_guest_that_resets_itself_comes_up_again()
    {
        var (_, qmp) = await BootAsync("reset", "-serial", "file:serial.out");
        await qmp.ExecuteAsync("cont");

        for (int i = 0; i < 3; i++)
        {
            var reset = await qmp.WaitForEventAsync("RESET");
            Assert.That(reset.Data.GetProperty("guest").GetBoolean(), Is.True);
            Assert.That(reset.Data.GetProperty("reason").GetString(), Is.EqualTo("guest-reset"));
        }

        await new GrowingFile(InFolder("serial.out")).WaitUntilAsync(text => text.StartsWith("up\nup\nup\n", StringComparison.Ordinal), "three boots");
    }

    [Test]
    [Promise(35)]
    public async Task A_triple_fault_resets_the_machine()
    {
        var (vmm, qmp) = await BootAsync("triple-fault");
        await qmp.ExecuteAsync("cont");

        await qmp.WaitForEventAsync("RESET", data => data.GetProperty("guest").GetBoolean());
        await qmp.WaitForEventAsync("RESET");

        Assert.That(vmm.Exited.IsCompleted, Is.False);
    }

    [TestCase("reset")]
    [TestCase("triple-fault")]
    public async Task With_no_reboot_a_reset_by_the_guest_ends_the_program(string guest)
    {
        var (vmm, qmp) = await BootAsync(guest, "-no-reboot");
        await qmp.ExecuteAsync("cont");

        await ExpectShutdownAsync(qmp, guest: true, "guest-reset");

        Assert.That(await ExitOfAsync(vmm), Is.Zero);
    }

    [Test]
    public async Task With_no_reboot_an_operators_reset_is_still_a_reset()
    {
        var (_, qmp) = await BootAsync("counter", "-no-reboot");
        await qmp.ExecuteAsync("cont");

        await qmp.ExecuteAsync("system_reset");

        await qmp.WaitForEventAsync("RESET");
        Assert.That((await qmp.ExecuteAsync("query-status")).GetProperty("running").GetBoolean(), Is.True);
    }

    [Test]
    public async Task A_value_at_the_debug_exit_port_becomes_the_exit_status()
    {
        var vmm = await StartAsync(TinyMachine.Silent("exit").With("-device", "isa-debug-exit,iobase=0xf4,iosize=0x04"));

        Assert.That(await ExitOfAsync(vmm), Is.EqualTo(0x10 << 1 | 1));
    }

    private static Task<int> ExitOfAsync(VmmProcess vmm) => vmm.Exited.WaitAsync(Timeouts.Answer);

    private static async Task ExpectShutdownAsync(QmpClient qmp, bool guest, string reason)
    {
        var shutdown = await qmp.WaitForEventAsync("SHUTDOWN");
        Assert.That(shutdown.Data.GetProperty("guest").GetBoolean(), Is.EqualTo(guest));
        Assert.That(shutdown.Data.GetProperty("reason").GetString(), Is.EqualTo(reason));
    }

    private async Task<(VmmProcess Process, QmpClient Qmp)> BootAsync(string guest, params string[] more)
    {
        var vmm = await StartAsync(TinyMachine.Booting(guest, ["-S", .. more]));
        return (vmm, await OpenQmpAsync(vmm));
    }
}

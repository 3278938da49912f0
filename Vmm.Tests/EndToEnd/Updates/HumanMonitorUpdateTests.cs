using Vmm.Lab.Drivers;
using Vmm.Lab.Hosts;
using Vmm.Tests.EndToEnd.Driving;

namespace Vmm.Tests.EndToEnd.Updates;

/// <summary>The series' example, as a user types it into two monitors on standard input.</summary>
[Parallelizable(ParallelScope.All)]
[FixtureLifeCycle(LifeCycle.InstancePerTestCase)]
public sealed class HumanMonitorUpdateTests : EndToEndTest
{
    private static readonly ArgumentList Arguments = TinyMachine.Silent("counter").With("-monitor", "stdio");

    [Test]
    [Promise(31)]
    public async Task The_example_of_the_series_works_as_it_is_typed()
    {
        var old = await StartAsync(Arguments);
        var oldMonitor = await old.OpenMonitorAsync(TinyMachine.Prompt);
        Assert.That(await oldMonitor.ExecuteAsync("info status"), Is.EqualTo("VM status: running\n"));
        var ram = Keep(GuestRam.Of(old));

        var successor = await StartAsync(Arguments.With("-incoming", "unix:vm.sock", "-cpr-uri", "unix:cpr.sock"));
        var newMonitor = await successor.OpenMonitorAsync(TinyMachine.Prompt);
        Assert.That(await newMonitor.ExecuteAsync("info status"), Is.EqualTo("VM status: paused (inmigrate)\n"));

        Assert.That(await oldMonitor.ExecuteAsync("migrate_set_parameter mode cpr-transfer"), Is.Empty);
        Assert.That(await oldMonitor.ExecuteAsync("migrate_set_parameter cpr-uri unix:cpr.sock"), Is.Empty);
        Assert.That(await oldMonitor.ExecuteAsync("migrate -d unix:vm.sock"), Is.Empty);
        await SettledAsync(oldMonitor);

        Assert.That(await oldMonitor.ExecuteAsync("info status"), Is.EqualTo("VM status: paused (postmigrate)\n"));
        Assert.That(await newMonitor.ExecuteAsync("info status"), Is.EqualTo("VM status: running\n"));
        Assert.That(await oldMonitor.ExecuteAsync("info migrate"), Does.Contain("cpr: pause "));
        await ram.WaitForProgressAsync();
    }

    [Test]
    public async Task Without_d_the_prompt_comes_back_when_the_guest_has_left()
    {
        var old = await StartAsync(Arguments);
        var oldMonitor = await old.OpenMonitorAsync(TinyMachine.Prompt);
        var successor = await StartAsync(Arguments.With("-incoming", "unix:vm.sock", "-cpr-uri", "unix:cpr.sock"));
        var newMonitor = await successor.OpenMonitorAsync(TinyMachine.Prompt);
        await newMonitor.ExecuteAsync("info status");
        await oldMonitor.ExecuteAsync("migrate_set_parameter mode cpr-transfer");
        await oldMonitor.ExecuteAsync("migrate_set_parameter cpr-uri unix:cpr.sock");

        Assert.That(await oldMonitor.ExecuteAsync("migrate unix:vm.sock"), Is.Empty);

        Assert.That(await oldMonitor.ExecuteAsync("info status"), Is.EqualTo("VM status: paused (postmigrate)\n"));
    }

    [Test]
    public async Task With_defer_the_new_monitor_opens_the_main_channel()
    {
        var old = await StartAsync(Arguments);
        var oldMonitor = await old.OpenMonitorAsync(TinyMachine.Prompt);
        var successor = await StartAsync(Arguments.With("-incoming", "defer", "-cpr-uri", "unix:cpr.sock"));
        var newMonitor = await successor.OpenMonitorAsync(TinyMachine.Prompt);
        await newMonitor.ExecuteAsync("info status");
        await oldMonitor.ExecuteAsync("migrate_set_parameter mode cpr-transfer");
        await oldMonitor.ExecuteAsync("migrate_set_parameter cpr-uri unix:cpr.sock");
        await oldMonitor.ExecuteAsync("migrate -d unix:vm.sock");
        Assert.That(await oldMonitor.ExecuteAsync("info status"), Is.EqualTo("VM status: running\n"));

        Assert.That(await newMonitor.ExecuteAsync("migrate_incoming unix:vm.sock"), Is.Empty);
        await SettledAsync(oldMonitor);

        Assert.That(await newMonitor.ExecuteAsync("info status"), Is.EqualTo("VM status: running\n"));
    }

    [Test]
    public async Task An_update_that_fails_says_so_at_the_prompt()
    {
        var old = await StartAsync(Arguments);
        var monitor = await old.OpenMonitorAsync(TinyMachine.Prompt);
        await monitor.ExecuteAsync("migrate_set_parameter mode cpr-transfer");
        await monitor.ExecuteAsync("migrate_set_parameter cpr-uri unix:cpr.sock");

        Assert.That(await monitor.ExecuteAsync("migrate unix:vm.sock"), Is.EqualTo("Error: Failed to connect to 'cpr.sock': No such file or directory\n"));

        Assert.That(await monitor.ExecuteAsync("info migrate"), Does.StartWith("Migration status: failed"));
        Assert.That(await monitor.ExecuteAsync("info status"), Is.EqualTo("VM status: running\n"));
    }

    /// <summary>A human monitor reports no event: one asks until the migration is over.</summary>
    private static async Task SettledAsync(HmpClient monitor)
    {
        using var deadline = new CancellationTokenSource(Timeouts.Answer);
        string said;
        do
        {
            deadline.Token.ThrowIfCancellationRequested();
            said = await monitor.ExecuteAsync("info migrate");
        }
        while (!said.Contains("status: completed", StringComparison.Ordinal) && !said.Contains("status: failed", StringComparison.Ordinal));
        Assert.That(said, Does.Contain("status: completed"));
    }
}

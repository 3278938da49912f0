using System.Globalization;
using Vmm.Lab.Drivers;
using Vmm.Tests.EndToEnd.Driving;
using Vmm.Tests.EndToEnd.Updates;

namespace Vmm.Tests.EndToEnd.Exec;

/// <summary>A machine whose process continues in the background (-daemonize), also as another program.</summary>
[Parallelizable(ParallelScope.All)]
[FixtureLifeCycle(LifeCycle.InstancePerTestCase)]
public sealed class BackgroundProgramTests : ExecTest
{
    private const int Batch = 3; // SCHED_BATCH

    [Test]
    public async Task The_process_that_was_started_ends_when_the_machine_is_there()
    {
        var (started, process) = await StartAsync();

        Assert.That(process, Is.Not.EqualTo(started.Pid));
        Assert.That(SessionOf(process), Is.EqualTo(process));
        for (int number = 0; number < 3; number++)
        {
            Assert.That(new FileInfo($"/proc/{process}/fd/{number}").LinkTarget, Is.EqualTo("/dev/null"));
        }

        await using var qmp = await ReopenAsync();
        Assert.That((await qmp.ExecuteAsync("query-status")).GetProperty("status").GetString(), Is.EqualTo("running"));
    }

    /// <summary>Also with the variable in its environment by which a child is marked as being in the background.</summary>
    [Test]
    public async Task It_keeps_its_name_and_its_scheduling_policy_and_is_started_once()
    {
        var (_, process) = await StartAsync("env", "VMM_DAEMON=", "chrt", "--batch", "0");

        Assert.That(File.ReadAllText($"/proc/{process}/comm").Trim(), Is.EqualTo(Path.GetFileName(ProgramFixture.Program)));
        Assert.That(Vmm.Core.Native.OsThread.GetScheduler(process).Policy, Is.EqualTo(Batch));
    }

    [Test]
    public async Task Its_status_is_that_of_a_machine_that_cannot_be_made()
    {
        var process = await base.StartAsync([ProgramFixture.Program], ["-daemonize", "-machine", "microvm", "-kernel", "/no/such/kernel"]);

        Assert.That(await process.Exited.WaitAsync(Timeouts.Answer), Is.EqualTo(1));
        Assert.That(await process.ErrorsWithAsync("kernel"), Does.Contain("/no/such/kernel"));
    }

    /// <summary>Otherwise the guest would be in another process.</summary>
    [Test]
    public async Task A_program_that_replaces_another_ignores_the_option()
    {
        var (_, process) = await StartAsync();
        await using var qmp = await ReopenAsync();
        await qmp.ExecuteAsync("migrate-set-capabilities", """{"capabilities": [{"capability": "events", "state": true}]}""");
        await qmp.ExecuteAsync("migrate-set-parameters", Settings(Command));

        await qmp.ExecuteAsync("migrate");

        Assert.That(await qmp.WaitForMigrationAsync("completed", "failed"), Is.EqualTo("completed"));
        Assert.That(ProcessId, Is.EqualTo(process));
        Assert.That((await qmp.ExecuteAsync("query-status")).GetProperty("status").GetString(), Is.EqualTo("running"));
    }

    private static int SessionOf(int process) =>
        int.Parse(File.ReadAllText($"/proc/{process}/stat").Split(") ")[1].Split(' ')[3], CultureInfo.InvariantCulture);

    private async Task<(VmmProcess Started, int Process)> StartAsync(params string[] by)
    {
        ArgumentList arguments = new ArgumentList().With([.. TinyMachine.Silent("ticker")]).With(TinyMachine.Monitor(TinyMachine.Qmp)).With("-pidfile", "pid", "-daemonize");
        Command = [ProgramFixture.Program, .. arguments];
        Keep(new NamedProcess(InFolder("pid")));
        var started = await StartAsync([.. by, ProgramFixture.Program], arguments);
        Assert.That(await started.Exited.WaitAsync(Timeouts.Answer), Is.Zero, started.Errors);
        return (started, ProcessId);
    }
}

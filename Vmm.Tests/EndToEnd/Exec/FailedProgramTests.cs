using System.Globalization;

namespace Vmm.Tests.EndToEnd.Exec;

/// <summary>A program that would take the guest when it was asked, and does not when it is its turn.</summary>
[Parallelizable(ParallelScope.All)]
[FixtureLifeCycle(LifeCycle.InstancePerTestCase)]
public sealed class FailedProgramTests : ExecTest
{
    private const string Good = "exec \"$@\"";
    private const int ShortLoadTimeout = 2000;

    [TestCase("exec \"$@\" -nosuchoption", "-nosuchoption: invalid option")]
    [TestCase("exec \"$@\" -version", "the command line asks for a text")]
    [TestCase("exec \"$@\" -smp 2", "count is '1' in the old process and '2' in the new one")]
    [TestCase("exec \"$@\" -serial null", "serial")]
    [Promise(61)]
    public async Task One_that_cannot_load_goes_back_to_the_program_before(string taking, string reason)
    {
        await BootAsync();
        int process = ProcessId;

        await AskAsync(await AskedAndTakingAsync(Good, taking));

        Assert.That(await Guest.ExpectFailureAsync(), Does.Contain(reason));
        Assert.That(await Guest.StatusAsync(), Is.EqualTo("running"));
        Assert.That(ProcessId, Is.EqualTo(process));
        Assert.That(Guest.History.TakeLast(2), Is.EqualTo(new[] { "MIGRATION failed", "RESUME" }));
        var parameters = await Guest.Qmp.ExecuteAsync("query-migrate-parameters");
        Assert.That(parameters.GetProperty("mode").GetString(), Is.EqualTo("cpr-exec"));
        await CountsAsync();
        await HopAsync();
        AssertWhole();
    }

    [Test]
    [Promise(61)]
    public async Task A_guest_that_was_booted_paused_and_continued_runs_on_in_the_program_before()
    {
        await BootAsync("-S");

        await AskAsync(await AskedAndTakingAsync(Good, "exec \"$@\" -nosuchoption"));

        await Guest.ExpectFailureAsync();
        Assert.That(Guest.History.TakeLast(2), Is.EqualTo(new[] { "MIGRATION failed", "RESUME" }));
        Assert.That(await Guest.StatusAsync(), Is.EqualTo("running"));
        await CountsAsync();
        AssertWhole();
    }

    [Test]
    [Promise(62)]
    public async Task A_guest_that_was_booted_paused_and_continued_runs_on_in_the_keeper()
    {
        await BootAsync("-S");
        int process = ProcessId;

        await AskAsync(await AskedAndTakingAsync(Good, "kill -9 $$"));

        await IsKeptAsync(process);
    }

    [TestCase("exit 0")]
    [TestCase("exit 7")]
    [TestCase("\"$@\"; exit $?")]
    [TestCase("kill -9 $$")]
    [TestCase("exec /bin/true")]
    [TestCase("ulimit -v 100000; exec \"$@\"")]
    [TestCase("unset VMM_CPR_EXEC_STATE; exec \"$@\" -nosuchoption")]
    [Promise(62)]
    public async Task One_that_ends_leaves_the_guest_to_the_keeper(string taking)
    {
        await BootAsync();
        int process = ProcessId;

        await AskAsync(await AskedAndTakingAsync(Good, taking));
        await Guest.Process.Exited;

        await IsKeptAsync(process);
    }

    /// <summary>It fails at one place after another, and so may the program that is gone back to.</summary>
    [Test]
    public async Task However_few_descriptors_it_may_have_the_guest_is_not_lost([Values(18, 22, 26, 30, 32, 34, 36)] int limit)
    {
        await BootAsync();

        await AskAsync(await AskedAndTakingAsync(Good, $"ulimit -n {limit}; exec \"$@\""));
        await Task.WhenAny(Guest.Qmp.WaitForMigrationAsync("completed", "failed"), Guest.Qmp.Closed);

        await CountsAsync();
        await CountsAsync();
        AssertWhole();

        // A monitor serves one client at a time: the first keeps its session unless the process has ended.
        var session = Guest.Qmp.Closed.IsCompleted ? await ReopenAsync() : Guest.Qmp;
        Assert.That((await session.ExecuteAsync("query-status")).GetProperty("status").GetString(), Is.EqualTo("running"));
    }

    [Test]
    public async Task One_that_hangs_leaves_the_guest_to_the_keeper()
    {
        LoadTimeout = ShortLoadTimeout;
        await BootAsync();
        int process = ProcessId;

        await AskAsync(await AskedAndTakingAsync(Good, "exec sleep 1000"));

        await IsKeptAsync(process);
        Assert.That(Guest.Process.Exited.IsCompleted, Is.False);
    }

    [Test]
    public async Task One_that_wakes_late_finds_the_guest_taken_and_ends()
    {
        LoadTimeout = ShortLoadTimeout;
        await BootAsync();
        int process = ProcessId;

        await AskAsync(await AskedAndTakingAsync(Good, $"until [ -e late ]; do sleep 0.05; done; {Good}"));
        await IsKeptAsync(process);
        File.WriteAllText(InFolder("late"), "");

        Assert.That(await Guest.Process.Exited, Is.EqualTo(1));
        Assert.That(Guest.Process.Errors, Does.Contain("which kept it and took it"));
        await CountsAsync();
        AssertWhole();
    }

    /// <summary>The guest runs in another process, and the pid file and query-migrate say in which.</summary>
    private async Task IsKeptAsync(int before)
    {
        await CountsAsync();
        await CountsAsync();
        await using var kept = await ReopenAsync();
        string reason = await KeeperReport.WaitAsync(kept);
        Assert.That(File.ReadAllText($"/proc/{ProcessId}/comm").Trim(), Is.EqualTo(Path.GetFileName(ProgramFixture.Program)), "its name in ps");
        Assert.That(ProcessId, Is.Not.EqualTo(before));
        int now = ProcessId;
        try
        {
            Assert.That(reason, Does.Contain(string.Create(CultureInfo.InvariantCulture, $"process {now}")));
            Assert.That((await kept.ExecuteAsync("query-status")).GetProperty("status").GetString(), Is.EqualTo("running"));
            await CountsAsync();
            AssertWhole();
        }
        finally
        {
            // It is no process of the test's.
            Keep(new OtherProcess(now));
        }
    }
}

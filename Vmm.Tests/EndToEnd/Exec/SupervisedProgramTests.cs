using Vmm.Lab.Drivers;
using Vmm.Lab.Hosts;
using Vmm.Tests.Unit.Supervision;

namespace Vmm.Tests.EndToEnd.Exec;

/// <summary>The messages that a supervisor such as systemd gets, and their order; the test is the supervisor.</summary>
[Parallelizable(ParallelScope.All)]
[FixtureLifeCycle(LifeCycle.InstancePerTestCase)]
public sealed class SupervisedProgramTests : ExecTest, IDisposable
{
    private const string Good = "exec \"$@\"";

    private SupervisorSocket? _supervisor;

    public void Dispose() => _supervisor?.Dispose();

    [Test]
    public async Task A_program_that_takes_the_guest_is_followed_again()
    {
        int process = await BootSupervisedAsync();

        await HopAsync();

        int keeper = await FollowedAsync();
        Assert.That(keeper, Is.Not.EqualTo(process));
        Assert.That(await FollowedAsync(), Is.EqualTo(process));
        await EndsAsync();
    }

    [Test]
    public async Task A_program_that_comes_back_is_followed_again()
    {
        int process = await BootSupervisedAsync();

        await AskAsync(await AskedAndTakingAsync(Good, $"{Good} -nosuchoption"));
        await Guest.ExpectFailureAsync();

        Assert.That(await FollowedAsync(), Is.Not.EqualTo(process));
        Assert.That(await FollowedAsync(), Is.EqualTo(process));
        await EndsAsync();
    }

    [Test]
    public async Task The_keeper_of_a_program_that_ends_stays_followed()
    {
        int process = await BootSupervisedAsync();

        await AskAsync(await AskedAndTakingAsync(Good, "exit 7"));
        await Guest.Process.Exited;

        int keeper = await FollowedAsync();
        Keep(new OtherProcess(keeper));
        Assert.That(keeper, Is.Not.EqualTo(process));
        Assert.That(await FollowedAsync(), Is.EqualTo(keeper));
        await CountsAsync();
        await using var kept = await ReopenAsync();
        Assert.That(ProcessId, Is.EqualTo(keeper));
        await kept.ExecuteAsync("quit");
        Assert.That(await _supervisor!.NextAsync(), Is.EqualTo("STOPPING=1"));
    }

    [Test]
    public async Task A_program_that_the_host_does_not_execute_leaves_the_process_followed()
    {
        int process = await BootSupervisedAsync();
        string[] command = await AskedAndTakingAsync($"chmod -x \"$0\"\n{Good}", Good);

        await AskAsync(command);
        Assert.That(await Guest.ExpectFailureAsync(), Does.Contain("Permission denied"));

        Assert.That(await FollowedAsync(), Is.Not.EqualTo(process));
        Assert.That(await FollowedAsync(), Is.EqualTo(process), "as the process says");
        Assert.That(await FollowedAsync(), Is.EqualTo(process), "as the keeper says, which a supervisor may believe alone");
        await EndsAsync();
    }

    [Test]
    public async Task A_program_whose_keeper_was_killed_says_itself_that_it_is_followed()
    {
        int process = await BootSupervisedAsync();

        await AskAsync(await AskedAndTakingAsync(Good, $"until [ -e go ]; do sleep 0.05; done; {Good}"));
        int keeper = await FollowedAsync();
        await new OtherProcess(keeper).DisposeAsync();
        await EndedAsync(keeper);
        File.WriteAllText(InFolder("go"), "");
        await Guest.ExpectAsync("completed");

        Assert.That(await FollowedAsync(), Is.EqualTo(process));
        await EndsAsync();
    }

    [Test]
    public async Task A_program_that_refuses_says_nothing_to_the_supervisor()
    {
        await BootSupervisedAsync();

        await AskAsync([.. Command, "-smp", "2"]);
        await Guest.ExpectFailureAsync();

        await EndsAsync();
    }

    [Test]
    public async Task A_supervisor_that_is_gone_costs_nothing()
    {
        await BootSupervisedAsync();
        Dispose();

        await HopAsync();

        await Guest.Process.ErrorsWithAsync("did not get MAINPID=");
        AssertWhole();
    }

    [Test]
    public async Task A_service_that_cannot_be_told_is_warned_of_the_keepers_end()
    {
        Variables = "export SYSTEMD_EXEC_PID=$$;";
        await BootAsync();
        await SetAsync(Command);

        var verdict = await Guest.Qmp.ExecuteAsync("x-cpr-preflight");

        Assert.That(verdict.GetProperty("would-succeed").GetBoolean(), Is.True);
        Assert.That(verdict.GetProperty("warnings").ToString(), Does.Contain("expected Type=notify, or KillMode=process"));
        await Guest.Process.ErrorsWithAsync("live update: the keeper is not protected: ");
    }

    private async Task<int> BootSupervisedAsync()
    {
        string path = InFolder("notify");
        _supervisor = new SupervisorSocket(path);
        Variables = $"export NOTIFY_SOCKET={Shell.Quote(path)} SYSTEMD_EXEC_PID=$$;";
        await BootAsync();
        Assert.That(await _supervisor!.NextAsync(), Is.EqualTo("READY=1"));
        return Guest.Process.Pid;
    }

    /// <summary>The process that the next message names.</summary>
    private async Task<int> FollowedAsync()
    {
        string message = await _supervisor!.NextAsync();
        Assert.That(message, Does.Match("^MAINPID=[1-9][0-9]*$"));
        return int.Parse(message.AsSpan("MAINPID=".Length), System.Globalization.CultureInfo.InvariantCulture);
    }

    /// <summary>Waits until a process that was killed has ended, whether it is waited for or not.</summary>
    private static async Task EndedAsync(int process)
    {
        using var deadline = new CancellationTokenSource(Timeouts.Answer);
        while (!HasEnded(process))
        {
            await Task.Delay(5, deadline.Token);
        }
    }

    /// <summary>Its program is gone before its last thread is, and it has not ended before that; then its parent may take its status at any time.</summary>
    private static bool HasEnded(int process)
    {
        try
        {
            return new FileInfo($"/proc/{process}/exe").LinkTarget is null && Directory.GetDirectories($"/proc/{process}/task").Length <= 1;
        }
        catch (IOException)
        {
            return true;
        }
    }

    /// <summary>The process ends as it is asked to, and nothing else was said before, by it or by a program that it had started.</summary>
    private async Task EndsAsync()
    {
        await CountsAsync();
        await Guest.Qmp.ExecuteAsync("quit");
        Assert.That(await _supervisor!.NextAsync(), Is.EqualTo("STOPPING=1"));
        await Guest.Process.Exited;
        Assert.That(_supervisor!.Received(), Is.Empty);
    }
}

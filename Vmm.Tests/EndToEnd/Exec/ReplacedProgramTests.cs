using System.Text.Json;
using Vmm.Lab.Drivers;
using Vmm.Tests.EndToEnd.Driving;

namespace Vmm.Tests.EndToEnd.Exec;

/// <summary>A process becomes another program, and its guest and its clients do not notice.</summary>
[Parallelizable(ParallelScope.All)]
[FixtureLifeCycle(LifeCycle.InstancePerTestCase)]
public sealed class ReplacedProgramTests : ExecTest
{
    private static readonly string[] Reported =
    [
        "MIGRATION setup", "STOP", "MIGRATION active", "MIGRATION_PASS 2", "MIGRATION device", "MIGRATION completed", "RESUME",
    ];

    [Test]
    [Promise(59)]
    public async Task The_guest_the_session_and_the_process_go_on()
    {
        await BootAsync();
        int process = ProcessId;
        string before = Image(process);

        await AskAsync(["sh", "-c", "exec \"$0\" \"$@\" -name second", .. Command]);
        await Guest.ExpectAsync("completed");

        await CountsAsync();
        Assert.That(Guest.Process.Exited.IsCompleted, Is.False);
        Assert.That(ProcessId, Is.EqualTo(process));
        Assert.That(Image(process), Is.EqualTo(before));
        Assert.That(File.ReadAllText($"/proc/{process}/cmdline"), Does.Contain("second"));
        Assert.That(await Guest.StatusAsync(), Is.EqualTo("running"));
        Assert.That(Guest.History, Is.EqualTo(Reported));
        AssertWhole();
    }

    [Test]
    public async Task The_new_program_begins_with_its_own_settings()
    {
        await BootAsync();

        await HopAsync();

        var parameters = await Guest.Qmp.ExecuteAsync("query-migrate-parameters");
        Assert.That(parameters.GetProperty("mode").GetString(), Is.EqualTo("normal"));
        Assert.That(parameters.GetProperty("cpr-exec-command").GetArrayLength(), Is.Zero);
        var account = await Guest.AccountAsync();
        Assert.That(account.GetProperty("cpr").GetProperty("pause").GetUInt64(), Is.Positive);
    }

    /// <summary>As in QEMU: the option is the operator's word on what the guest does in that program.</summary>
    [Test]
    public async Task A_new_program_that_is_to_start_paused_has_the_guest_paused()
    {
        await BootAsync("-S");

        await ComesPausedAsync();
    }

    /// <summary>What rotates logs renames them; the keeper, which makes a new one too, leaves it to the program that writes it.</summary>
    [Test]
    public async Task A_log_and_a_pid_file_that_were_moved_away_are_made_anew()
    {
        await BootAsync("-D", InFolder("log"));
        int process = ProcessId;
        File.Move(InFolder("log"), InFolder("log.1"));
        File.Move(InFolder("pid"), InFolder("pid.1"));

        await HopAsync();
        await SettleAsync();

        Assert.That(ProcessId, Is.EqualTo(process));
        Assert.That(() => File.ReadAllText(InFolder("log")), Does.Contain("live update: this program has the guest: ").After(60_000, 10));
        Assert.That(Guest.Process.Errors, Is.Empty);
    }

    /// <summary>As clients of QEMU do it: the new program is started with -incoming defer, and gets the state's place by migrate-incoming.</summary>
    [Test]
    public async Task A_client_may_say_where_the_state_is()
    {
        await BootAsync();
        await AskAsync([.. Command, "-incoming", "defer"]);
        await Guest.ExpectAsync("completed");

        await Guest.Qmp.ExecuteAsync("migrate-incoming", """{"uri": "file:state"}""");

        await CountsAsync();
        Assert.That(await Guest.StatusAsync(), Is.EqualTo("running"));
        AssertWhole();
    }

    [Test]
    public async Task A_paused_guest_stays_paused()
    {
        await BootAsync();
        await Guest.Qmp.ExecuteAsync("stop");

        await ComesPausedAsync();
    }

    [Test]
    public async Task A_new_client_is_served_after_the_first_has_gone()
    {
        await BootAsync();
        await HopAsync();

        await Guest.Qmp.DisposeAsync();

        var next = await ReopenAsync();
        Assert.That((await next.ExecuteAsync("query-status")).GetProperty("status").GetString(), Is.EqualTo("running"));
    }

    [Test]
    public async Task The_keeper_ends_and_leaves_no_zombie()
    {
        await BootAsync();
        await HopAsync();

        await UntilAsync(() => Children(Guest.Process.Pid).Length == 0, () => string.Join(", ", Children(Guest.Process.Pid)));
    }

    /// <summary>Otherwise exec would unmap the guest's RAM, page by page, while the guest stands.</summary>
    [Test]
    public async Task The_address_space_of_the_program_before_is_kept_in_the_pause()
    {
        await BootAsync();
        const string List =
            """for p in /proc/[0-9]*; do if grep -qsx "PPid:.$$" $p/status; then echo $(ls $p/fd | wc -l) $(grep -c memfd:memory-backend $p/maps); fi; done >> children; """;

        await AskAsync(["sh", "-c", $"{List} exec \"$0\" \"$@\"", .. Command]);
        await Guest.ExpectAsync("completed");

        await CountsAsync();
        Assert.That(File.ReadAllLines(InFolder("children")), Has.One.EqualTo("0 1"), "a child without descriptors that has the guest's RAM");
    }

    /// <summary>They are read from a descriptor, and would end the process if they reached a thread.</summary>
    [Test]
    public async Task No_thread_is_reached_by_the_signals_that_ask_for_the_end()
    {
        const ulong Ending = (1 << 14) | (1 << 1) | 1; // SIGTERM, SIGINT, SIGHUP
        await BootAsync();
        await HopAsync();

        var blocked = from task in Directory.GetDirectories($"/proc/{Guest.Process.Pid}/task")
                      from line in File.ReadAllLines($"{task}/status")
                      where line.StartsWith("SigBlk:", StringComparison.Ordinal)
                      select (Task: task, Set: Convert.ToUInt64(line["SigBlk:".Length..].Trim(), 16));

        Assert.That(blocked.Where(thread => (thread.Set & Ending) != Ending), Is.Empty);
        Assert.That(blocked.Count(), Is.GreaterThan(5), "threads");
    }

    [Test]
    public async Task A_console_keeps_its_client()
    {
        await BootAsync("-chardev", "socket,id=console,path=console.sock,server=on,wait=off", "-serial", "chardev:console");
        await using var client = await Guest.Process.ConnectAsync("console.sock");

        await HopAsync();

        var chardevs = await Guest.Qmp.ExecuteAsync("query-chardev");
        string shown = chardevs.EnumerateArray().Single(c => c.GetProperty("label").GetString() == "console").GetProperty("filename").GetString()!;
        Assert.That(shown, Does.Not.StartWith("disconnected"));
    }

    /// <summary>Has the process become a program with the same command line, in which the guest is paused until it is continued.</summary>
    private async Task ComesPausedAsync()
    {
        await AskAsync(Command);
        await Guest.ExpectAsync("completed");

        Assert.That(await Guest.StatusAsync(), Is.EqualTo("paused"));
        await Guest.Qmp.ExecuteAsync("cont");
        await CountsAsync();
        AssertWhole();
    }

    private static string Image(int process) => new FileInfo($"/proc/{process}/exe").LinkTarget!;

    private static async Task UntilAsync(Func<bool> condition, Func<string> state)
    {
        using var deadline = new CancellationTokenSource(Timeouts.Answer);
        while (!condition())
        {
            try
            {
                await Task.Delay(10, deadline.Token);
            }
            catch (OperationCanceledException)
            {
                Assert.Fail(state());
            }
        }
    }
}

// An update by exec, struck at each boundary of each of its programs: the program is killed, or hangs. The guest counts on standard output, which all programs
// have, so a gap or a number that is there twice shows whatever became of it. ExecFaults.cs has the table.

using System.Diagnostics;
using System.Globalization;
using System.Text.Json.Nodes;
using Vmm.Lab.Drivers;
using Vmm.Lab.Hosts;
using Vmm.Migration.Handover;
using Vmm.Tests.EndToEnd.Driving;
using Vmm.Tests.EndToEnd.Exec;

namespace Vmm.Tests.Faults.Exec;

/// <summary>Nothing is lost, whatever goes wrong in an update by exec, and whenever.</summary>
[Parallelizable(ParallelScope.All)]
[FixtureLifeCycle(LifeCycle.InstancePerTestCase)]
public sealed class ExecFaultTests
{
    private const string Console = "console";

    /// <summary>How long the guest's process has to load the guest, in milliseconds: the product's default, and one that a busy host keeps too.</summary>
    private const int LoadTimeout = 2000;
    private const int AmpleLoadTimeout = 20_000;

    private readonly string _folder = Directory.CreateTempSubdirectory("vmm-exec-fault-").FullName;
    private readonly List<IAsyncDisposable> _opened = [];

    [TearDown]
    public async Task EndAll()
    {
        foreach (var opened in Enumerable.Reverse(_opened))
        {
            await opened.DisposeAsync();
        }

        Directory.Delete(_folder, recursive: true);
    }

    /// <summary>The guest's process ends with the keeper at hand.</summary>
    [Test]
    [Promise(62)]
    public async Task The_keeper_has_the_guest_when_its_process_is_killed([ValueSource(nameof(WhenKilled))] string step)
    {
        await using var world = await StartAsync((passage, guest) => passage.Process == guest && passage.Name == step && IsInOwners(passage), Kill);
        await world.Observer.StruckAsync();

        Assert.That(await world.Process.Exited, Is.EqualTo(137));
        await IsKeptAsync(world);
        ExecFaults.ProcessKilled.Note(step);
    }

    /// <summary>The same with a process that does not end and does nothing. When it continues, it finds the guest taken and ends.</summary>
    [Test]
    [Promise(62)]
    public async Task The_keeper_has_the_guest_when_its_process_hangs([ValueSource(nameof(WhenHung))] string step)
    {
        await using var world = await StartAsync((passage, guest) => passage.Process == guest && passage.Program > 2 && passage.Name == step, _ => false, LoadTimeout);
        await world.Observer.StruckAsync();
        await IsKeptAsync(world);

        world.Observer.Release();

        Assert.That(await world.Process.Exited, Is.EqualTo(1));
        await CountsAsync();
        AssertWhole();
        ExecFaults.ProcessHangs.Note(step);
    }

    [Test]
    public async Task The_guest_stays_when_the_new_program_is_killed_while_it_is_asked([ValueSource(nameof(WhenAsked))] string step)
    {
        await using var world = await StartAsync((passage, guest) => passage.Process != guest && passage.Program == 1 && passage.Name == step, Kill);
        await world.Observer.StruckAsync();

        await StaysAsync(world, "failed");
        ExecFaults.AskedKilled.Note(step);
    }

    [Test]
    public async Task The_guest_stays_when_the_keeper_is_killed([ValueSource(nameof(WhenKept))] string step)
    {
        await using var world = await StartAsync((passage, guest) => passage.Process != guest && passage.Program == 2 && passage.Name == step, Kill);
        await world.Observer.StruckAsync();

        bool hasState = ExecFaults.LoadedKeeperKilled.Steps.Contains(step);
        await StaysAsync(world, hasState ? null : "failed");
        (hasState ? ExecFaults.LoadedKeeperKilled : ExecFaults.KeeperKilled).Note(step);
    }

    /// <summary>After the take there is no keeper any more, and a guest ends with its process, as always.</summary>
    [Test]
    public async Task The_keeper_does_not_run_a_guest_that_was_taken([ValueSource(nameof(WhenTaken))] string step)
    {
        await using var world = await StartAsync((passage, guest) => passage.Process == guest && passage.Program > 2 && passage.Name == step, Kill);
        await world.Observer.StruckAsync();
        await world.Process.Exited;

        long length = ConsoleLength;
        int keeper = world.Observer.Passed.First(passage => passage.Name == "KeeperLoaded").Process;
        await EndedAsync(keeper);
        Assert.That(ConsoleLength, Is.EqualTo(length));
        AssertWhole();
        ExecFaults.OwnerKilled.Note(step);
    }

    /// <summary>Neither the request nor the guest's end is lost: no program runs on, and the keeper takes nothing.</summary>
    [Test]
    [Promise(63)]
    public async Task A_signal_that_ends_the_process_does_so_whenever_it_comes([ValueSource(nameof(WhenSignalled))] string step)
    {
        await using var world = await StartAsync((passage, guest) => passage.Process == guest && passage.Name == step && IsInOwners(passage), Signalled);

        await EndsAsync(world);
    }

    /// <summary>The new program fails, and may have read the signal: the one before is to end by it.</summary>
    [Test]
    [Promise(63)]
    public async Task A_signal_in_a_program_that_goes_back_ends_the_one_before([Values("NewRecordRead", "NewPlanAccepted")] string step)
    {
        await using var world = await StartAsync(
            (passage, guest) => passage.Process == guest && passage.Name == step && IsInOwners(passage),
            Signalled,
            wrapper: ["/bin/sh", "-c", "if [ -e asked ]; then exec \"$0\" \"$@\" -smp 2; fi; : > asked; exec \"$0\" \"$@\""]);

        await EndsAsync(world);
    }

    private static IEnumerable<string> WhenSignalled =>
        ["OldAsked", "OldPeerReady", "OldStopped", "OldSaved", "OldKept", "OldLeaving", .. ExecFaults.ProcessHangs.Steps, .. ExecFaults.OwnerKilled.Steps, "NewAlone"];

    private static IEnumerable<string> WhenKilled => ExecFaults.ProcessKilled.Steps;

    private static IEnumerable<string> WhenHung => ExecFaults.ProcessHangs.Steps;

    private static IEnumerable<string> WhenTaken => ExecFaults.OwnerKilled.Steps;

    private static IEnumerable<string> WhenAsked => ExecFaults.AskedKilled.Steps;

    private static IEnumerable<string> WhenKept => [.. ExecFaults.KeeperKilled.Steps, .. ExecFaults.LoadedKeeperKilled.Steps];

    private long ConsoleLength => new FileInfo(Path.Combine(_folder, Console)).Length;

    /// <summary>Steps that old has too are meant of the new program.</summary>
    private static bool IsInOwners(Passage passage) => passage.Name.StartsWith("Old", StringComparison.Ordinal) || passage.Program > 2;

    private static bool Kill(Passage passage)
    {
        using var process = Process.GetProcessById(passage.Process);
        process.Kill();
        return false;
    }

    /// <summary>Asks a process to end, and gives it a moment to read that, where it does.</summary>
    private static bool Signalled(Passage passage)
    {
        Signal.Send(passage.Process, Signal.Terminate);
        SpinWait.SpinUntil(() => !IsPending(passage.Process), TimeSpan.FromMilliseconds(50));
        return true;
    }

    private static bool IsPending(int process)
    {
        const string Label = "ShdPnd:";
        string pending = File.ReadLines($"/proc/{process}/status").Single(line => line.StartsWith(Label, StringComparison.Ordinal))[Label.Length..];
        return (ulong.Parse(pending, NumberStyles.HexNumber, CultureInfo.InvariantCulture) & (1UL << (Signal.Terminate - 1))) != 0;
    }

    private async Task EndsAsync(World world)
    {
        await world.Observer.StruckAsync();
        Assert.That(await world.Process.Exited.WaitAsync(Timeouts.Answer), Is.Zero);
        foreach (int process in world.Observer.Passed.Select(passage => passage.Process).Distinct())
        {
            await EndedAsync(process);
        }

        AssertWhole();
    }

    private async Task<World> StartAsync(
        Func<Passage, int, bool> isStruck, Func<Passage, bool> strike, int loadTimeout = AmpleLoadTimeout, params string[] wrapper)
    {
        int guest = 0;
        var observer = new ExecObserver(Path.Combine(_folder, "steps"), passage => isStruck(passage, Volatile.Read(ref guest)), strike);
        ArgumentList arguments = TinyMachine.Silent("ticker").With(TinyMachine.Monitor(TinyMachine.Qmp)).With("-debugcon", "stdio", "-pidfile", "pid");
        _opened.Add(new NamedProcess(Path.Combine(_folder, "pid")));
        var process = await VmmProcess.StartAsync(
            FaultProgram.Host,
            "/bin/sh",
            ["-c", $"exec env {Boundary.Variable}=steps \"$0\" \"$@\" > {Console}", FaultProgram.Path, .. arguments],
            _folder);
        _opened.Add(process);
        Volatile.Write(ref guest, process.Pid);
        var qmp = await process.OpenQmpAsync(TinyMachine.Qmp);
        _opened.Add(qmp);
        await CountsAsync();
        await qmp.ExecuteAsync("migrate-set-capabilities", """{"capabilities": [{"capability": "events", "state": true}]}""");
        await qmp.ExecuteAsync("migrate-set-parameters", new JsonObject
        {
            ["mode"] = "cpr-exec",
            ["cpr-load-timeout"] = loadTimeout,
            ["cpr-exec-command"] = new JsonArray([.. wrapper, .. arguments.Prepend(FaultProgram.Path).Select(word => JsonValue.Create(word))]),
        });
        await qmp.ExecuteAsync("migrate");
        return new World(process, qmp, observer);
    }

    private async Task IsKeptAsync(World world)
    {
        await CountsAsync();
        await using var qmp = await ReopenAsync();
        string reason = await KeeperReport.WaitAsync(qmp);
        int now = int.Parse(File.ReadAllText(Path.Combine(_folder, "pid")), CultureInfo.InvariantCulture);
        _opened.Add(new OtherProcess(now));
        Assert.That(now, Is.Not.EqualTo(world.Process.Pid));
        Assert.That(reason, Does.Contain($"process {now}"));
        await CountsAsync();
        AssertWhole();
    }

    private async Task StaysAsync(World world, string? status)
    {
        await CountsAsync();
        Assert.That(world.Process.Exited.IsCompleted, Is.False);
        string ended = await world.Qmp.WaitForMigrationAsync("completed", "failed");
        if (status is not null)
        {
            Assert.That(ended, Is.EqualTo(status));
        }

        await CountsAsync();
        AssertWhole();
    }

    private async Task<QmpClient> ReopenAsync() => await QmpClient.OpenAsync(
        await FaultProgram.Host.ConnectAsync(Path.Combine(_folder, TinyMachine.Qmp), CancellationToken.None), negotiate: true);

    private async Task CountsAsync()
    {
        long before = ConsoleLength;
        using var deadline = new CancellationTokenSource(Timeouts.Answer);
        while (ConsoleLength < before + 4)
        {
            await Task.Delay(5, deadline.Token);
        }
    }

    private static async Task EndedAsync(int process)
    {
        using var deadline = new CancellationTokenSource(Timeouts.Answer);
        while (!HasEnded(process))
        {
            await Task.Delay(5, deadline.Token);
        }
    }

    /// <summary>Whether a process is no more, or only waits for its parent to take its status.</summary>
    private static bool HasEnded(int process)
    {
        try
        {
            return File.ReadAllText($"/proc/{process}/stat").Contains(") Z", StringComparison.Ordinal);
        }
        catch (IOException)
        {
            return true;
        }
    }

    private void AssertWhole() => Assert.That(GuestCount.Deviation(File.ReadAllText(Path.Combine(_folder, Console))), Is.Null);

    private sealed record World(VmmProcess Process, QmpClient Qmp, ExecObserver Observer) : IAsyncDisposable
    {
        public ValueTask DisposeAsync() => Observer.DisposeAsync();
    }
}

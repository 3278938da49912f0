// Every way in which the kernel can answer the published program between the take and its rest: the list of what can fail is the
// kernel's own, so nothing has to be thought of. docs/faults.md has the table.

using Vmm.Lab.Drivers;

namespace Vmm.Tests.Faults.SystemCalls;

/// <summary>A system call fails, or is late, and the guest is not lost.</summary>
[Parallelizable(ParallelScope.All)]
[FixtureLifeCycle(LifeCycle.InstancePerTestCase)]
public sealed class SystemCallTests
{
    private const double MostMissed = 0.1;
    private const int FewMissed = 3;

    [OneTimeSetUp]
    public static void RequirePrograms()
    {
        foreach (string needed in (string[])[CallScene.Program, Injector.Program, FaultProgram.Host.TinyGuest(CallScene.Guest)])
        {
            Assert.That(needed, Does.Exist, "./build, ./build faults and guests/build make it");
        }
    }

    [TestCaseSource(nameof(Windows))]
    [Promise(44)]
    public async Task Each_call_fails_or_is_late_once_and_the_guest_is_never_lost(string name)
    {
        var window = CallWindow.All.Single(w => w.Name == name);
        var campaign = new Campaign(window);
        Assert.That(await campaign.WatchAsync(), Is.Empty, "nothing was struck");
        var results = await campaign.StrikeAsync(FaultProgram.IsFullProduct ? campaign.Every() : campaign.Sample());

        var missed = results.Where(r => !r.WasStruck).ToList();
        foreach (var result in missed)
        {
            TestContext.Out.WriteLine($"not met in this run: {result.Injection}");
        }

        Assert.That(results.Where(r => r.Deviations.Count > 0).Select(r => $"{r}"), Is.Empty);
        Assert.That(missed, Has.Count.LessThanOrEqualTo(Math.Max(results.Count * MostMissed, FewMissed)), "calls that are not made again");
        SystemCallsPage.Note(window, results);
    }

    /// <summary>Whatever a struck call is blamed for is not the watching's fault.</summary>
    [TestCaseSource(nameof(TransferWindows))]
    public async Task An_update_that_is_only_watched_goes_over(string name)
    {
        var window = CallWindow.All.Single(w => w.Name == name);
        await using var scene = await CallScene.SetAsync(window);
        await scene.UpdateAsync(null);
        var verdict = new CallVerdict(scene, window, null);

        Assert.That(await verdict.JudgeAsync(), Is.Empty);
        Assert.That(verdict.Owner, Is.SameAs(scene.New));
        Assert.That(scene.Injector.Calls, Is.Not.Empty);
    }

    /// <summary>Otherwise nothing of what serves queues would be struck.</summary>
    [Test]
    public async Task The_calls_that_route_interrupts_and_serve_queues_are_watched()
    {
        const string SetGsiRouting = "0x4008ae6a";
        await using var scene = await CallScene.SetAsync(CallWindow.NewAfterTake);
        await scene.UpdateAsync(null);

        var calls = scene.Injector.Calls.Keys.Select(key => new CallKey(key)).ToList();
        Assert.That(calls.Where(call => call.IsQueues).Select(call => call.Call.Name), Is.SupersetOf(["epoll_wait", "getrandom", "io_uring_enter", "read", "readv", "timerfd_settime", "write"]));
        Assert.That(calls.Where(call => call.IsDisks).Select(call => call.Call.Name), Is.SupersetOf(["io_uring_enter", "pwritev"]));
        Assert.That(calls.Where(call => call.Object.EndsWith(SetGsiRouting, StringComparison.Ordinal)), Is.Not.Empty);
        Assert.That(calls.Select(call => call.Call.Name), Does.Contain("madvise"), "the rings are made present");
    }

    /// <summary>New may write to an image from the take on, which old cannot see: so old must be done with it before.</summary>
    [Test]
    [Promise(51)]
    public async Task From_the_offer_on_the_old_process_touches_no_image()
    {
        await using var scene = await CallScene.SetAsync(CallWindow.OldAfterOffer);
        await scene.UpdateAsync(null);

        var calls = scene.Injector.Calls.Keys.Select(key => new CallKey(key)).ToList();
        Assert.That(calls, Is.Not.Empty);
        Assert.That(calls.Where(call => call is { IsDisks: true, Call.Name: not "close" }), Is.Empty);
    }

    /// <summary>What new asks the host about an image: an error is no answer, and least of all that the image is read-only.</summary>
    [Test]
    [Promise(44)]
    public async Task An_image_that_the_host_says_nothing_about_has_its_guest_stay_and_loses_no_write([Range(1, 3)] int occurrence)
    {
        const string GetFlags = "0x3";
        await using var scene = await CallScene.SetAsync(CallWindow.WholeOfNew);
        var question = new Injection(new CallKey($"72|vmm|{CallScene.Images[0]} {GetFlags}"), occurrence, "ENOMEM");

        await scene.UpdateAsync(question);

        var verdict = new CallVerdict(scene, CallWindow.WholeOfNew, question);
        Assert.That(scene.Injector.Hit.IsCompleted, "it was asked so often");
        Assert.That(await verdict.JudgeAsync(), Is.Empty);
        Assert.That(verdict.Owner, Is.SameAs(scene.Old));
    }

    /// <summary>exec would have a shell run a file that is no program, where the question had none.</summary>
    [Test]
    [Promise(61)]
    public async Task A_program_that_the_kernel_does_not_take_for_one_has_the_guest_stay()
    {
        const int ExecOfProcess = 3;
        Assert.That(await StrikeExecAsync(CallWindow.ExecOld, "59|vmm|", ExecOfProcess, "ENOEXEC"), Is.EqualTo(GuestPlace.Old));
    }

    /// <summary>The keeper does not stay, nor does its zombie.</summary>
    [TestCase("48|vmm|socket:[]", "EINTR")]
    [TestCase("247|vmm|", "EAGAIN")]
    [Promise(62)]
    public async Task A_keeper_leaves_nothing_behind(string call, string error) =>
        Assert.That(await StrikeExecAsync(CallWindow.ExecNew, call, 1, error), Is.EqualTo(GuestPlace.New));

    [Test]
    [Promise(44)]
    public async Task Reading_no_signal_does_not_end_the_process() => Assert.That(
        await StrikeExecAsync(CallWindow.ExecNew, "7|signals|", 1, "ENOMEM"), Is.EqualTo(GuestPlace.New));

    [TestCaseSource(nameof(RunErrors))]
    [Promise(44)]
    public async Task A_vcpu_that_cannot_run_halts_its_guest_and_nothing_else(string error)
    {
        await using var scene = await CallScene.SetAsync(CallWindow.NewAfterTake, withRuns: true);
        var run = new CallKey("16|CPU 0/KVM|anon_inode:kvm-vcpu:0 0xae80");

        await scene.UpdateAsync(new Injection(run, 1, error));

        Assert.That(scene.Injector.Hit.IsCompleted, "the vCPU was refused");
        await using var session = await scene.New.Process.OpenQmpAsync(CallVerdict.Endpoint(scene.New.Name));
        Assert.That(await StatusAsync(session), Is.EqualTo("internal-error"));
        Assert.That((await session.ExecuteAsync("query-migrate")).GetProperty("status").GetString(), Is.EqualTo("completed"));
        await scene.New.Qmp.WaitForEventAsync("STOP"); // no request of its disks is under way from then on
        string digest = scene.Ram.Digest;

        // What the guest printed while old stopped went over with it, and new prints it; it may be on its way to its reader still.
        string Printed() => scene.Old.Console + scene.New.Console;
        Assert.That(
            () => IsWhatCountLeft(Printed(), scene.Ram.Count),
            Is.True.After((int)Timeouts.Answer.TotalMilliseconds, 5),
            () => $"the guest's RAM is as its last line left it: {scene.Ram.Count}, '{Printed()[^8..]}'");
        await session.ExecuteAsync("quit");
        Assert.That(await scene.New.Process.Exited.WaitAsync(Timeouts.Answer), Is.Zero);
        Assert.That(scene.Ram.Digest, Is.EqualTo(digest));
        SystemCallsPage.NoteRun(error);
    }

    private static async Task<GuestPlace> StrikeExecAsync(CallWindow window, string call, int occurrence, string error)
    {
        var injection = new Injection(new CallKey(call), occurrence, error);
        await using var scene = await CallScene.SetAsync(window);
        await scene.UpdateAsync(injection);

        var verdict = scene.Verdict(injection);
        Assert.That(await verdict.JudgeAsync(), Is.Empty);
        Assert.That(scene.Injector.Hit.IsCompleted, "it was struck");
        return verdict.Place;
    }

    /// <summary>Whether a guest that prints a line and then counts it was stopped after that, within the next line, or between a line and its count.</summary>
    private static bool IsWhatCountLeft(string console, ulong count)
    {
        string[] lines = console.Split('\n');
        string begun = lines[^1];
        return (lines[^2] == $"{count}" && $"{count + 1}".StartsWith(begun, StringComparison.Ordinal))
            || (lines[^2] == $"{count + 1}" && begun.Length == 0);
    }

    private static IEnumerable<string> Windows() => CallWindow.All.Select(w => w.Name);

    private static IEnumerable<string> TransferWindows() => CallWindow.Transfer.Select(w => w.Name);

    private static IEnumerable<string> RunErrors() => FaultProgram.IsFullProduct ? CallTable.KvmRunErrors : CallTable.KvmRunErrors.Take(1);

    private static async Task<string?> StatusAsync(QmpClient session) =>
        (await session.ExecuteAsync("query-status")).GetProperty("status").GetString();
}

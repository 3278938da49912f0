using System.Diagnostics;
using Vmm.Lab.Drivers;
using Vmm.Tests.EndToEnd.Driving;

namespace Vmm.Tests.EndToEnd.Running;

/// <summary>The end of a process in which something is stuck: each test has system calls that are never answered.</summary>
[Parallelizable(ParallelScope.All)]
[FixtureLifeCycle(LifeCycle.InstancePerTestCase)]
public sealed class ForcedEndTests : EndToEndTest
{
    // The time-out, and what a busy host takes for the kernel's part in ending a process.
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(2) + TimeSpan.FromSeconds(8);

    private static readonly object[] Stuck =
    [
        new TestCaseData(new[] { 232, 281 }).SetArgDisplayNames("every loop"),
        new TestCaseData(new[] { 16 }).SetArgDisplayNames("whatever talks to KVM"),
        new TestCaseData(new[] { 1 }).SetArgDisplayNames("every write, the log's too"),
        new TestCaseData(new[] { 11 }).SetArgDisplayNames("the release of memory"),
        new TestCaseData(new[] { 3 }).SetArgDisplayNames("every close"),
        new TestCaseData(new[] { 87, 263 }).SetArgDisplayNames("the removal of names"),
        new TestCaseData(new[] { 234 }).SetArgDisplayNames("the kick of a vCPU"),
    ];

    [TestCaseSource(nameof(Stuck))]
    [Promise(47)]
    public async Task A_signal_ends_a_process_in_which_this_is_stuck(int[] calls)
    {
        var (vmm, _, since) = await StickAsync(calls);

        Signal.Send(vmm, Signal.Terminate);

        await ExpectEndAsync(vmm, since);
    }

    [TestCaseSource(nameof(Stuck))]
    [Promise(47)]
    public async Task Quit_ends_a_process_in_which_this_is_stuck(int[] calls)
    {
        var (vmm, client, since) = await StickAsync(calls);

        await client.SendAsync("""{"execute":"quit"}""");

        await ExpectEndAsync(vmm, since);
    }

    [Test]
    [Promise(47)]
    public async Task Quit_ends_a_process_though_a_command_before_it_on_the_same_connection_is_stuck()
    {
        var (vmm, client, since) = await StickAsync([234]);
        await client.SendAsync("""{"execute":"stop"}""");

        await client.SendAsync("""{"execute":"quit"}""");

        await ExpectEndAsync(vmm, since);
    }

    [Test]
    [Promise(47)]
    public async Task Quit_ends_a_process_though_a_line_before_it_in_the_human_monitor_is_stuck()
    {
        var refused = new RefusedCalls(Folder, RefusedCalls.Hangs, 234);
        var vmm = await StartAsync(refused.Running(ProgramFixture.Program), TinyMachine.Booting("counter", "-monitor", "unix:hmp.sock,server=on,wait=off"));
        var hmp = await ConnectAsync(vmm, "hmp.sock");
        await HostThread.RestAsync(vmm);
        refused.Begin();
        var since = Stopwatch.StartNew();

        await hmp.SendAsync("stop\n");
        await hmp.SendAsync("quit\n");

        await ExpectEndAsync(vmm, since);
    }

    [Test]
    [Promise(47)]
    public async Task What_outlives_a_process_is_removed_even_when_its_end_is_forced()
    {
        var (vmm, _, since) = await StickAsync([11]);

        Signal.Send(vmm, Signal.Terminate);
        await ExpectEndAsync(vmm, since);

        Assert.That(Directory.GetFiles(Folder).Select(Path.GetFileName).Where(name => !name!.StartsWith("refused", StringComparison.Ordinal)), Is.Empty);
        Assert.That(vmm.Errors, Does.Contain("ended by force"));
    }

    [Test]
    [Promise(47)]
    public async Task A_quit_that_is_refused_ends_nothing()
    {
        var vmm = await StartAsync(TinyMachine.Booting("counter"));
        var client = await (await ConnectAsync(vmm)).NegotiateAsync();
        await client.SendAsync("""{"execute":"migrate-set-parameters","arguments":{"cpr-load-timeout":100}}""");
        await client.ReadToReplyAsync();

        await client.SendAsync("""{"execute":"quit","arguments":{"now":true}}""");
        Assert.That((await client.ReadToReplyAsync())[^1], Does.Contain("error"));

        // As long as it had been given, and longer.
        Assert.That(await Task.WhenAny(vmm.Exited, Task.Delay(TimeSpan.FromMilliseconds(500))), Is.Not.SameAs(vmm.Exited));
        await client.SendAsync("""{"execute":"query-status"}""");
        Assert.That((await client.ReadToReplyAsync())[^1], Does.Contain("running"));
    }

    private async Task<(VmmProcess Vmm, WireClient Client, Stopwatch Since)> StickAsync(int[] calls)
    {
        var refused = new RefusedCalls(Folder, RefusedCalls.Hangs, calls);
        var vmm = await StartAsync(refused.Running(ProgramFixture.Program), TinyMachine.Booting("counter", "-pidfile", "vmm.pid"));
        var client = await (await ConnectAsync(vmm)).NegotiateAsync();

        // A loop that still had to go back to its waiting would be stuck before it was notified of anything.
        await HostThread.RestAsync(vmm);
        refused.Begin();
        return (vmm, client, Stopwatch.StartNew());
    }

    private static async Task ExpectEndAsync(VmmProcess vmm, Stopwatch since)
    {
        Assert.That(await vmm.Exited.WaitAsync(Timeouts.Answer), Is.Zero);
        Assert.That(since.Elapsed, Is.LessThan(Limit));
    }
}

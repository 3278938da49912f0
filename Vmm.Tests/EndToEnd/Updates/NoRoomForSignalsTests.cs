using Vmm.Lab.Drivers;
using Vmm.Lab.Hosts;
using Vmm.Tests.EndToEnd.Driving;

namespace Vmm.Tests.EndToEnd.Updates;

/// <summary>A user whose queue of signals is used up (RLIMIT_SIGPENDING): the kernel refuses each further signal that must be queued.</summary>
[Parallelizable(ParallelScope.All)]
[FixtureLifeCycle(LifeCycle.InstancePerTestCase)]
public sealed class NoRoomForSignalsTests : UpdateTest
{
    private const uint User = 61_234;
    private const int RealTime = 45;
    private const int MostQueued = 2_000_000;

    [Test]
    [Promise(46)]
    public async Task With_no_queue_at_all_every_operation_of_the_guests_control_works()
    {
        await ControlAsync(["prlimit", "--sigpending=0:0", Program]);
    }

    [Test]
    [Promise(46)]
    public async Task Another_process_of_the_user_that_uses_up_the_queue_changes_nothing()
    {
        OtherUser.RequireRoot();
        Program = await OtherUser.PublishAsync(Host, Folder, ProgramFixture.Program);
        string[] sleeper = await OtherUser.RunningAsync(Host, User, "env");
        var hog = Keep(await Host.StartAsync("exec " + Shell.Quote([.. sleeper, $"--block-signal={RealTime}", "sleep", "600"])));
        await BlocksAsync(hog.Pid);
        var limited = await OtherUser.RunningAsync(Host, User, "prlimit");

        await ControlAsync([.. limited, "--sigpending=5000:5000", Program], () =>
        {
            int queued = 0;
            while (queued < MostQueued && Signal.TryQueue(hog.Pid, RealTime))
            {
                queued++;
            }

            Assert.That(queued, Is.GreaterThan(5000).And.LessThan(MostQueued), "the queue is used up");
        });
    }

    private async Task ControlAsync(string[] command, Action? useUp = null)
    {
        var route = new UpdateRoute("next");
        var arguments = TinyMachine.Silent("counter");
        var old = await StartGenerationAsync(command, arguments, []);
        var successor = await StartGenerationAsync(command, arguments, route.Listening());
        var ram = Keep(GuestRam.Of(old.Process));
        await ram.WaitForProgressAsync();
        useUp?.Invoke();

        await ControlAsync(old, ram);
        await route.AskAsync(old.Qmp);
        await ExpectHandoverAsync(old, successor);
        await ControlAsync(successor, ram);
        await QuitAsync(old);
        await QuitAsync(successor);
    }

    private static async Task ControlAsync(Generation process, GuestRam ram)
    {
        await process.Qmp.ExecuteAsync("stop");
        ulong count = ram.Count;
        Assert.That(await process.StatusAsync(), Is.EqualTo("paused"));
        Assert.That(ram.Count, Is.EqualTo(count));
        await process.Qmp.ExecuteAsync("cont");
        await ram.WaitPastAsync(count);
        await process.Qmp.ExecuteAsync("system_reset");
        await process.Qmp.WaitForEventAsync("RESET");
        Assert.That(await process.StatusAsync(), Is.EqualTo("running"));
        await ram.WaitForProgressAsync();
    }

    private static async Task BlocksAsync(int process)
    {
        using var deadline = new CancellationTokenSource(Timeouts.Answer);
        while (!Blocks(process))
        {
            await Task.Delay(5, deadline.Token);
        }
    }

    private static bool Blocks(int process) =>
        File.ReadLines($"/proc/{process}/status").Single(line => line.StartsWith("SigBlk:", StringComparison.Ordinal)) is var mask
        && (Convert.ToUInt64(mask["SigBlk:".Length..].Trim(), 16) & (1UL << (RealTime - 1))) != 0;
}

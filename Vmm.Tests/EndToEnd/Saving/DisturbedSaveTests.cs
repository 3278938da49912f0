using Vmm.Lab.Hosts;
using Vmm.Tests.EndToEnd.Driving;
using Vmm.Tests.EndToEnd.Updates;

namespace Vmm.Tests.EndToEnd.Saving;

/// <summary>A guest that is saved and restored while signals come, and one whose destination cannot be reached.</summary>
[Parallelizable(ParallelScope.All)]
[FixtureLifeCycle(LifeCycle.InstancePerTestCase)]
public sealed class DisturbedSaveTests : UpdateTest
{
    /// <summary>What does not end a process: each interrupts the system call that its thread is in.</summary>
    private static readonly string[] Signals = ["CHLD", "WINCH", "URG", "CONT", "STOP"];

    [Test]
    [Promise(55)]
    public async Task Signals_at_any_moment_change_nothing()
    {
        var old = await BootAsync("counter");
        var ram = Keep(GuestRam.Of(old.Process));
        await ram.WaitForProgressAsync();
        await old.Qmp.ExecuteAsync("stop");
        var (count, contents) = (ram.Count, ram.Digest());

        // The stream's other side begins when it is asked to; until then the pipe is full, and the signals interrupt a write.
        await RunInFolderAsync("mkfifo begin");
        await old.Qmp.ExecuteAsync("migrate", """{"uri": "exec:read _ < begin; dd bs=512 of=saved status=none"}""");
        await SignalAsync(old);
        Assert.That((await old.AccountAsync()).GetProperty("status").GetString(), Is.Not.EqualTo("completed"));
        await RunInFolderAsync("echo > begin");
        await SignalUntilAsync(old, old.ExpectAsync("completed"));

        Assert.That(await old.StatusAsync(), Is.EqualTo("postmigrate"));
        await QuitAsync(old);
        var next = await AwaitGuestAsync(TinyMachine.Silent("counter"), "-incoming", "defer");
        await next.Qmp.ExecuteAsync("migrate-incoming", """{"uri": "exec:head -c 100000 saved; read _ < begin; tail -c +100001 saved"}""");
        await SignalAsync(next);
        Assert.That(await next.StatusAsync(), Is.EqualTo("inmigrate"));
        await RunInFolderAsync("echo > begin");
        await SignalUntilAsync(next, next.ExpectAsync("completed"));

        var restored = Keep(GuestRam.Of(next.Process));
        Assert.That((restored.Count, restored.Digest()), Is.EqualTo((count, contents)));
        await next.Qmp.ExecuteAsync("cont");
        await restored.WaitPastAsync(count);
    }

    /// <summary>As QEMU's tests have it; here the guest was stopped first.</summary>
    [Test]
    public async Task A_bad_destination_is_a_failure_and_the_guest_stays_paused()
    {
        var old = await BootAsync("counter");
        await old.Qmp.ExecuteAsync("stop");

        await old.Qmp.ExecuteAsync("migrate", """{"uri": "tcp:127.0.0.1:0"}""");

        Assert.That(await old.ExpectFailureAsync(), Does.Contain("a port from 1 to 65535 was expected, not '0'"));
        Assert.That(old.History.Where(line => line.StartsWith("MIGRATION ", StringComparison.Ordinal)), Is.EqualTo((string[])["MIGRATION setup", "MIGRATION failed"]));
        Assert.That(await old.StatusAsync(), Is.EqualTo("paused"));
        await old.Qmp.ExecuteAsync("cont");
        await Keep(GuestRam.Of(old.Process)).WaitForProgressAsync();
    }

    private Task<string> RunInFolderAsync(string command) => Host.RunAsync($"cd {Shell.Quote(Folder)} && {command}");

    /// <summary>Sends each signal some times.</summary>
    private static async Task SignalAsync(Generation generation)
    {
        for (int round = 0; round < 5; round++)
        {
            foreach (string signal in Signals)
            {
                await generation.Process.SignalAsync(signal);
                await generation.Process.SignalAsync("CONT");
            }
        }
    }

    private static async Task SignalUntilAsync(Generation generation, Task end)
    {
        do
        {
            await SignalAsync(generation);
        }
        while (!end.IsCompleted);
        await end;
    }
}

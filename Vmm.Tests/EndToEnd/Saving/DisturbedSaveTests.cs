using Vmm.Tests.EndToEnd.Driving;
using Vmm.Tests.EndToEnd.Updates;

namespace Vmm.Tests.EndToEnd.Saving;

/// <summary>A guest that is saved and restored while signals come, and one whose stream nobody can be reached for.</summary>
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

        // Many short writes, each of which waits for its reader.
        await old.Qmp.ExecuteAsync("migrate", """{"uri": "exec:dd bs=512 of=saved status=none"}""");
        await SignalUntilAsync(old, old.ExpectAsync("completed"));

        Assert.That(await old.StatusAsync(), Is.EqualTo("postmigrate"));
        await QuitAsync(old);
        var next = await AwaitGuestAsync(TinyMachine.Silent("counter"), "-incoming", "defer");
        await next.Qmp.ExecuteAsync("migrate-incoming", """{"uri": "exec:dd bs=512 if=saved status=none"}""");
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

    private static async Task SignalUntilAsync(Generation generation, Task end)
    {
        for (int i = 0; !end.IsCompleted; i++)
        {
            await generation.Process.SignalAsync(Signals[i % Signals.Length]);
            await generation.Process.SignalAsync("CONT");
        }

        await end;
    }
}

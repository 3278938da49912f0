// Updates whose new process dies, sleeps or is asked to end, or whose operator interferes, at any instant. The fault tests do that at every
// boundary, one after the other; here the instants are random, so that they fall between the boundaries too.

using System.Diagnostics;
using Vmm.Lab.Drivers;
using Vmm.Tests.EndToEnd.Driving;

namespace Vmm.Tests.EndToEnd.Updates;

/// <summary>At whatever instant an update is disturbed, one process has the guest, and the guest has lost nothing; it ends only with its owner.</summary>
[Parallelizable(ParallelScope.Self)]
[FixtureLifeCycle(LifeCycle.InstancePerTestCase)]
public sealed class DisturbedUpdatesTests : UpdateTest
{
    /// <summary>Longer than an update takes on an idle machine: some disturbances come too late.</summary>
    private const int LatestMicroseconds = 16_000;

    private readonly Random _random = new(1);
    private readonly List<GrowingFile> _outputs = [];

    private enum Disturbance
    {
        NewIsKilled,
        NewIsAskedToEnd,
        NewSleeps,
        OperatorCancels,
        OperatorStops,
    }

    [TestCase(60)]
    [Soak(1500)]
    [Promise(8)]
    public async Task One_process_has_the_guest_and_the_guest_has_lost_nothing(int updates)
    {
        var seen = new SortedDictionary<string, int>(StringComparer.Ordinal);
        var owner = await BootAgainAsync();
        for (int update = 0; update < updates; update++)
        {
            var disturbance = (Disturbance)(update % Enum.GetValues<Disturbance>().Length);
            var form = update % 2 == 0 ? UpdateForm.CprUri : UpdateForm.Channels;
            var route = new UpdateRoute($"{update}");
            var successor = await AwaitGuestAsync(route, form);
            await route.AskAsync(owner.Qmp, form);
            WaitForSomeInstant();
            await DisturbAsync(disturbance, owner, successor);

            string ended = await owner.Qmp.WaitForMigrationAsync("completed", "failed", "cancelled");
            string counted = $"{disturbance}: {ended}";
            seen[counted] = seen.GetValueOrDefault(counted) + 1;
            owner = ended == "completed" ? await HandedOverAsync(disturbance, owner, successor) : await StayedAsync(owner, successor);
        }

        foreach ((string what, int times) in seen)
        {
            await TestContext.Out.WriteLineAsync($"{what} {times}");
        }

        await QuitAsync(owner);
        Assert.Multiple(() =>
        {
            Assert.That(seen.Keys, Has.Some.EndsWith("failed").And.Some.EndsWith("completed"), "some were disturbed in time, and not all");
            foreach (var output in _outputs)
            {
                output.AssertCountsUp();
            }
        });
    }

    private async Task DisturbAsync(Disturbance disturbance, Generation old, Generation successor)
    {
        switch (disturbance)
        {
            case Disturbance.NewIsKilled:
                Signal.Send(successor.Process, Signal.Kill);
                break;
            case Disturbance.NewIsAskedToEnd:
                Signal.Send(successor.Process, Signal.Terminate);
                break;
            case Disturbance.NewSleeps:
                Signal.Send(successor.Process, Signal.Stop);
                WaitForSomeInstant();
                Signal.Send(successor.Process, Signal.Continue);
                break;
            case Disturbance.OperatorCancels:
                await old.Qmp.ExecuteAsync("migrate_cancel");
                break;
            default:
                await TryAsync(old, "stop");
                break;
        }
    }

    /// <summary>The successor has the guest, unless that was ended and the guest with it; then another one is booted.</summary>
    private async Task<Generation> HandedOverAsync(Disturbance disturbance, Generation old, Generation successor)
    {
        Assert.That(await old.StatusAsync(), Is.EqualTo("postmigrate"));
        await QuitAsync(old);
        if (disturbance is Disturbance.NewIsKilled or Disturbance.NewIsAskedToEnd)
        {
            await successor.Process.Exited.WaitAsync(Timeouts.Answer);
            return await BootAgainAsync();
        }

        await successor.ExpectAsync("completed");
        await ContinueAsync(successor);
        await _outputs[^1].WaitForGrowthAsync();
        return successor;
    }

    /// <summary>The old process has the guest. If the other one ran it too, the output would hold lines of both: it is ended only afterwards.</summary>
    private async Task<Generation> StayedAsync(Generation old, Generation successor)
    {
        await ContinueAsync(old);
        await _outputs[^1].WaitForGrowthAsync();
        await successor.Process.DisposeAsync();
        return old;
    }

    private static async Task ContinueAsync(Generation owner)
    {
        await TryAsync(owner, "cont");
        Assert.That(await owner.StatusAsync(), Is.EqualTo("running"));
    }

    /// <summary>An operator's command that may come too late.</summary>
    private static async Task TryAsync(Generation generation, string command)
    {
        try
        {
            await generation.Qmp.ExecuteAsync(command);
        }
        catch (QmpException tooLate)
        {
            await TestContext.Out.WriteLineAsync($"{command}: {tooLate.Message}");
        }
    }

    private async Task<Generation> BootAgainAsync()
    {
        string name = $"lines{_outputs.Count}.out";
        var generation = await BootAsync("relay", "-smp", "2", "-serial", $"file:{name}");
        _outputs.Add(new GrowingFile(InFolder(name)));
        await _outputs[^1].WaitForGrowthAsync();
        return generation;
    }

    // A sleep would end at the ticks of a timer.
    private void WaitForSomeInstant()
    {
        var wait = TimeSpan.FromMicroseconds(_random.Next(LatestMicroseconds));
        long began = Stopwatch.GetTimestamp();
        while (Stopwatch.GetElapsedTime(began) < wait)
        {
        }
    }
}

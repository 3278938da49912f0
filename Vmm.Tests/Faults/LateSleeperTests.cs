// The slowest peer there is: it has loaded everything and sleeps one instruction before the take, while old gives up and
// hands the guest to another. Whenever it wakes, the word that it would take is retired, and it goes.

using Vmm.Migration.Handover;

namespace Vmm.Tests.Faults;

/// <summary>A new process that wakes in the middle of the next attempt.</summary>
[Parallelizable(ParallelScope.All)]
[FixtureLifeCycle(LifeCycle.InstancePerTestCase)]
public sealed class LateSleeperTests
{
    private const int Tries = 3;
    private static readonly TimeSpan Settling = TimeSpan.FromSeconds(5);
    private static readonly TimeSpan Watch = TimeSpan.FromMilliseconds(200);

    [TestCaseSource(nameof(Steps))]
    public async Task Woken_at_any_step_of_the_retry_it_does_nothing(string step) =>
        Assert.That(await JudgeAsync(Enum.Parse<HandoverStep>(step), FaultProgram.Path), Is.Empty);

    /// <summary>A program whose new process does not look at the baton is noticed by these very tests.</summary>
    [Test]
    public async Task A_program_without_the_baton_fails_this()
    {
        if (!FaultProgram.IsFullProduct)
        {
            Assert.Ignore("the program that is broken on purpose is built and tried by ./test faults only");
        }

        var deviations = await JudgeAsync(HandoverStep.OldConnected, FaultProgram.WithoutBaton);

        TestContext.Out.WriteLine(string.Join('\n', deviations));
        Assert.That(deviations, Is.Not.Empty);
    }

    private static IEnumerable<string> Steps() => FaultProgram.IsFullProduct
        ? Enum.GetNames<HandoverStep>()
        : [nameof(HandoverStep.OldConnected), nameof(HandoverStep.OldStopped), nameof(HandoverStep.NewApplied), nameof(HandoverStep.OldCompleted)];

    /// <summary>The scene's waits are short: on a host that was busy elsewhere the update may end before the step, and is tried again.</summary>
    private static async Task<IReadOnlyList<string>> JudgeAsync(HandoverStep step, string program)
    {
        for (int attempt = 1; ; attempt++)
        {
            try
            {
                return await JudgeOnceAsync(step, program);
            }
            catch (StepNotReachedException) when (attempt < Tries)
            {
            }
        }
    }

    private static async Task<IReadOnlyList<string>> JudgeOnceAsync(HandoverStep step, string program)
    {
        var stop = new StopNew();
        await using var scene = await Scene.SetAsync(stop, HandoverStep.NewApplied, program: program);
        await scene.ReachAsync(HandoverStep.NewApplied);
        var (old, sleeper) = (scene.Old, scene.New);
        await sleeper.StopAsync();
        old.Steps.ReleaseAll();
        await old.SettledAsync();
        string first = await old.Qmp.WaitForMigrationAsync("completed", "failed");
        scene.Hold(first == "failed", $"the first attempt ended as '{first}'");

        await scene.AwaitGuestAsync(old);
        old.Steps.HoldAll();
        await scene.ReachAsync(step);
        sleeper.Steps.ReleaseAll();
        sleeper.Continued();
        await Task.WhenAny(sleeper.Process.Exited, Task.Delay(Watch));
        scene.ReleaseAll();

        foreach (var party in (Party[])[old, scene.New])
        {
            string ended = await party.Qmp.WaitForMigrationAsync("completed", "failed");
            scene.Hold(ended == "completed", $"process {party.Name} says '{ended}': {await party.ReasonAsync()}");
        }

        await Task.WhenAny(sleeper.Process.Exited, Task.Delay(Settling));
        scene.Hold(sleeper.ConsoleLength == 0, "the sleeper runs the guest");
        scene.Hold(!sleeper.Lives && await sleeper.Process.Exited == 1, "the sleeper does not exit with 1");
        return scene.Deviations;
    }
}

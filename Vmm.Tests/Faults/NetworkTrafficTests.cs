// Updates that fail, or whose old process dies, while packets go to the guest through a tap and back. What the host queues while nobody reads is delivered by
// the process that has the guest, and nothing is read by the other: no packet is lost, doubled or overtaken at any boundary.

using Vmm.Lab.Drivers;
using Vmm.Migration.Handover;
using Vmm.Tests.EndToEnd.Driving;
using Vmm.Tests.EndToEnd.Updates;

namespace Vmm.Tests.Faults;

/// <summary>A guest on a tap, under traffic, and the death of one of the two processes.</summary>
[Parallelizable(ParallelScope.All)]
[FixtureLifeCycle(LifeCycle.InstancePerTestCase)]
public sealed class NetworkTrafficTests : UpdateTest
{
    private const int Some = 200; // packets
    private const int Patience = 10_000;

    private readonly TapNetwork _network = new();
    private int _processes;

    [TearDown]
    public void EndNetwork() => _network.Dispose();

    [Test]
    public async Task The_death_of_new_before_the_take_costs_no_packet()
    {
        var (old, steps) = await ObservedAsync(BootOnTapAsync);
        await using var ofOld = steps;
        await SetTimeoutsAsync(old, Patience);
        await using var packets = new EchoedPackets(_network.Connect());
        foreach (var step in BeforeTheTake())
        {
            var route = new UpdateRoute($"{step}");
            var (successor, ofNew) = await ObservedAsync(() => AwaitGuestAsync(route));
            await using var observer = ofNew;
            await SetTimeoutsAsync(successor, Patience);
            steps.HoldAll();
            var asked = route.AskAsync(old.Qmp);
            await ReachAsync(step, steps, ofNew);
            if (step <= HandoverStep.OldMainConnected)
            {
                // Old is held before it stops its queues.
                await packets.WaitForAsync(Some);
            }

            await successor.Process.SignalAsync("KILL");
            await successor.Process.Exited.WaitAsync(Timeouts.Answer);
            steps.ReleaseAll();
            await asked;
            await old.ExpectAsync("failed");
            Assert.That(await old.StatusAsync(), Is.EqualTo("running"), $"{step}");
            await packets.WaitForAsync(Some);
        }

        await packets.EndAsync();
    }

    [TestCaseSource(nameof(AfterTheOffer))]
    public async Task The_death_of_old_after_the_offer_costs_no_packet(string boundary)
    {
        var step = Enum.Parse<HandoverStep>(boundary);
        var (old, ofOld) = await ObservedAsync(BootOnTapAsync);
        await using var oldsObserver = ofOld;
        await SetTimeoutsAsync(old, Patience);
        await using var packets = new EchoedPackets(_network.Connect());
        await packets.WaitForAsync(Some);
        var route = new UpdateRoute("update");
        var (successor, ofNew) = await ObservedAsync(() => AwaitGuestAsync(route));
        await using var newsObserver = ofNew;
        await SetTimeoutsAsync(successor, Patience);

        var asked = route.AskAsync(old.Qmp);
        await ReachAsync(step, ofOld, ofNew);
        await old.Process.SignalAsync("KILL");
        await old.Process.Exited.WaitAsync(Timeouts.Answer);
        ofNew.ReleaseAll();
        try
        {
            await asked;
        }
        catch (IOException)
        {
            // The session ended with the process.
        }

        await successor.ExpectAsync("completed");
        await packets.WaitForAsync(Some);
        Enter = _network.Enter;
        await HopAsync(successor);
        await packets.WaitForAsync(Some);
        await packets.EndAsync();
        Assert.That(_network.Interfaces(), Does.Contain(TapNetwork.Interface));
    }

    private static IEnumerable<HandoverStep> BeforeTheTake() => FaultProgram.IsFullProduct
        ? Enum.GetValues<HandoverStep>().Where(step => step < HandoverStep.NewTaken)
        :
        [
            HandoverStep.OldPlanSent, HandoverStep.NewBackEndsAdopted, HandoverStep.OldQueuesStopped, HandoverStep.OldOffered, HandoverStep.NewApplied,
        ];

    private static IEnumerable<string> AfterTheOffer() => FaultProgram.IsFullProduct
        ? Enum.GetValues<HandoverStep>().Where(step => step >= HandoverStep.OldEndSent).Select(step => $"{step}")
        : [$"{HandoverStep.OldEndSent}", $"{HandoverStep.NewReleased}"];

    /// <summary>Lets both continue until a step is done; whose it is is held there.</summary>
    private static async Task ReachAsync(HandoverStep step, StepObserver old, StepObserver successor)
    {
        foreach (var next in Enum.GetValues<HandoverStep>().Where(next => next <= step))
        {
            var steps = Scene.IsOlds(next) ? old : successor;
            await steps.WaitForAsync(next);
            if (next < step)
            {
                steps.Release(next);
            }
        }
    }

    private Task<Generation> BootOnTapAsync() => BootAsync(
        "net",
        "-netdev", $"tap,id=n0,ifname={TapNetwork.Interface},script=no,downscript=no",
        "-device", $"virtio-net-device,netdev=n0,mac={TapNetwork.GuestMac}");

    /// <summary>Starts a process of the line in the network, and observes its steps.</summary>
    private async Task<(Generation Process, StepObserver Steps)> ObservedAsync(Func<Task<Generation>> start)
    {
        string socket = $"{(char)('a' + _processes++)}.steps";
        var steps = new StepObserver(InFolder(socket));
        Program = FaultProgram.Path;
        Enter = [.. _network.Enter, "/bin/env", $"{Boundary.Variable}={socket}"];
        try
        {
            return (await start(), steps);
        }
        catch
        {
            await steps.DisposeAsync();
            throw;
        }
    }
}

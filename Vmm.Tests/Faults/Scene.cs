// An update on a stage: an old process whose guest counts aloud, a new one that waits, and a hand that lets them go on step
// by step, in the order of the boundaries. So when a fault strikes after a step, everything up to that step has happened and
// nothing that depends on a later one.

using Vmm.Lab.Drivers;
using Vmm.Migration.Handover;
using Vmm.Tests.EndToEnd.Updates;

namespace Vmm.Tests.Faults;

/// <summary>One fault test's two processes, their folder, and further ones for the time after.</summary>
internal sealed class Scene : IAsyncDisposable
{
    private static readonly HandoverStep[] Steps = Enum.GetValues<HandoverStep>();
    private static readonly TimeSpan StepPatience = TimeSpan.FromSeconds(5);

    private readonly List<Party> _parties = [];
    private readonly IReadOnlyList<string> _program;
    private Task _asked = Task.CompletedTask;

    private Scene(string folder, IReadOnlyList<string> program)
    {
        Folder = folder;
        _program = program;
    }

    /// <summary>Where everything lies.</summary>
    internal string Folder { get; }

    /// <summary>The process that has the guest at first.</summary>
    internal Party Old { get; private set; } = null!;

    /// <summary>The process that waits for it.</summary>
    internal Party New { get; private set; } = null!;

    /// <summary>The sockets between the two.</summary>
    internal UpdateRoute Route { get; private set; } = new("1");

    /// <summary>Every process that was started, in order.</summary>
    internal IReadOnlyList<Party> Parties => _parties;

    /// <summary>Boots a guest and starts a process that waits for it.</summary>
    /// <param name="fault">Says how long the two shall wait for each other, and how new is started.</param>
    /// <param name="program">Another program than the one under test.</param>
    internal static async Task<Scene> SetAsync(Fault fault, string? program = null)
    {
        var scene = new Scene(Directory.CreateTempSubdirectory("vmm-fault-").FullName, [program ?? FaultProgram.Path]);
        try
        {
            scene.Old = await scene.StartAsync([], []);
            await scene.Old.HurryAsync(fault.OldPatience);
            scene.New = await scene.StartAsync(fault.NewStartedBy, [.. scene.Route.Listening(), .. fault.NewOptions]);
            await scene.New.HurryAsync(fault.NewPatience);
            return scene;
        }
        catch
        {
            await scene.DisposeAsync();
            throw;
        }
    }

    /// <summary>Tells old to hand the guest over, and lets both go on until a step is done.</summary>
    /// <exception cref="StepNotReachedException">The two were slower than their time-outs.</exception>
    internal async Task ReachAsync(HandoverStep step)
    {
        _asked = Route.AskAsync(Old.Qmp);
        await GoOnToAsync(step);
    }

    /// <summary>Lets both go on, step by step, from where they are held.</summary>
    /// <exception cref="StepNotReachedException">The two were slower than their time-outs.</exception>
    internal async Task GoOnToAsync(HandoverStep step)
    {
        foreach (var next in Steps.TakeWhile(s => s <= step))
        {
            try
            {
                await Of(next).Steps.WaitForAsync(next).WaitAsync(StepPatience);
            }
            catch (Exception e) when (e is TimeoutException or IOException)
            {
                throw new StepNotReachedException(next, e);
            }

            if (next < step)
            {
                Of(next).Steps.Release(next);
            }
        }
    }

    /// <summary>Lets every process go on; none is held again.</summary>
    internal void ReleaseAll() => _parties.ForEach(p => p.Steps.ReleaseAll());

    /// <summary>Waits for the answer to the command that began the update. A process that was killed owes none.</summary>
    internal async Task AnswerAsync()
    {
        try
        {
            await _asked;
        }
        catch (IOException) when (!Old.Lives)
        {
            // The session ended with the process.
        }
    }

    /// <summary>Starts one more process that waits, which from now on is the new one, and hands the guest of another to it.</summary>
    internal async Task HopAsync(Party owner)
    {
        await AwaitGuestAsync(owner);
        New.Steps.ReleaseAll();
        await Route.AskAsync(owner.Qmp);
        foreach (var party in (Party[])[owner, New])
        {
            string ended = await party.Qmp.WaitForMigrationAsync("completed", "failed", "cancelled");
            if (ended != "completed")
            {
                throw new IOException($"process {party.Name} says '{ended}': {await party.ReasonAsync()}");
            }
        }
    }

    /// <summary>Starts one more process that waits, which from now on is the new one; old is who has the guest.</summary>
    internal async Task AwaitGuestAsync(Party owner)
    {
        await owner.HurryAsync(10_000);
        Route = new UpdateRoute($"{_parties.Count}");
        Old = owner;
        New = await StartAsync([], Route.Listening());
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        foreach (var party in Enumerable.Reverse(_parties))
        {
            await party.DisposeAsync();
        }

        Directory.Delete(Folder, recursive: true);
    }

    /// <summary>Whose step it is: its name says it.</summary>
    internal Party Of(HandoverStep step) => IsOlds(step) ? Old : New;

    /// <summary>Whether a step is the old process's.</summary>
    internal static bool IsOlds(HandoverStep step) => step.ToString().StartsWith("Old", StringComparison.Ordinal);

    private async Task<Party> StartAsync(IEnumerable<string> startedBy, IEnumerable<string> options)
    {
        var party = await Party.StartAsync($"{(char)('a' + _parties.Count)}", Folder, [.. startedBy, .. _program], options);
        _parties.Add(party);
        return party;
    }
}

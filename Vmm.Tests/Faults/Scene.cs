// An update step by step: an old process whose guest prints its count, a new one that waits, and observers that let them continue one step at a
// time, in the order of the boundaries. So when a fault strikes after a step, everything up to that step has happened and nothing that depends on
// a later one.

using Vmm.Lab.Drivers;
using Vmm.Migration.Handover;
using Vmm.Tests.EndToEnd.Driving;
using Vmm.Tests.EndToEnd.Updates;

namespace Vmm.Tests.Faults;

/// <summary>One fault test's two processes, their folder, and further ones for the time after.</summary>
internal sealed class Scene : IAsyncDisposable
{
    /// <summary>What the names of the test's own sockets begin with.</summary>
    internal const string Detour = "wire";

    private const string ImageName = "disk.img";

    /// <summary>The guest's disk: so slow that the 32 requests that the guest makes are in flight at any time.</summary>
    private static readonly string[] DiskOptions =
    [
        "-drive", $"if=none,id=disk0,format=raw,file={ImageName},aio=io_uring,throttling.iops-total=1000",
        "-device", "virtio-blk-device,drive=disk0,bus=virtio-mmio-bus.23",
    ];

    private const string PeerName = Detour + ".net.sock";

    /// <summary>The guest's network card, where it has one.</summary>
    private static readonly string[] NetworkOptions =
    [
        "-netdev", $"stream,id=net0,addr.type=unix,addr.path={PeerName},reconnect-ms=50",
        "-device", "virtio-net-device,netdev=net0,bus=virtio-mmio-bus.22",
    ];

    private static readonly HandoverStep[] Steps = Enum.GetValues<HandoverStep>();
    private static readonly TimeSpan StepTimeout = TimeSpan.FromSeconds(5);

    private readonly List<Party> _parties = [];
    private readonly IReadOnlyList<string> _program;
    private readonly List<IDisposable> _wires = [];
    private readonly List<string> _deviations = [];
    private UpdateRoute? _detour;
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

    /// <summary>The step after which the fault strikes.</summary>
    internal HandoverStep Struck { get; private set; }

    /// <summary>The guest's RAM.</summary>
    internal RamFile Ram { get; private set; } = null!;

    /// <summary>What the guest writes to its disk.</summary>
    internal static DiskLog Disk => DiskLog.Ticker;

    /// <summary>The peer of the guest's network; null if it has none.</summary>
    internal NetworkPeer? Network { get; private set; }

    /// <summary>The disk's image.</summary>
    internal string Image => InFolder(ImageName);

    /// <summary>Whether the guest was stopped before all began.</summary>
    internal bool IsPaused { get; private set; }

    /// <summary>What was already seen to be otherwise than it should.</summary>
    internal IReadOnlyList<string> Deviations => _deviations;

    /// <summary>Every process that was started, in order.</summary>
    internal IReadOnlyList<Party> Parties => _parties;

    /// <summary>Boots a guest and starts a process that waits for it.</summary>
    /// <param name="fault">Says how long the two shall wait for each other, and how new is started.</param>
    /// <param name="step">The step after which it will strike.</param>
    /// <param name="paused">Whether the guest is stopped before all begins.</param>
    /// <param name="program">Another program than the one under test.</param>
    internal static async Task<Scene> SetAsync(Fault fault, HandoverStep step, bool paused = false, string? program = null)
    {
        var scene = new Scene(Directory.CreateTempSubdirectory("vmm-fault-").FullName, [program ?? FaultProgram.Path]);
        try
        {
            Permissions.OpenToAll(scene.Folder);
            Disk.NewImage(scene.Folder, ImageName);
            scene.Struck = step;
            scene.Network = fault.HasNetwork ? new NetworkPeer(scene.InFolder(PeerName)) : null;
            scene.Old = await scene.StartAsync([], []);
            scene.Ram = RamFile.Of(scene.Old);
            await (scene.Network?.WaitForAsync(more: 1) ?? Task.CompletedTask);
            await scene.Old.CountsAsync();
            if (paused)
            {
                await scene.Old.Qmp.ExecuteAsync("stop");
                scene.IsPaused = true;
            }

            await scene.Old.SetTimeoutsAsync(fault.OldTimeout);
            scene.New = await scene.StartAsync(fault.NewStartedBy, [.. scene.Route.Listening(), .. fault.NewOptions]);
            await scene.New.SetTimeoutsAsync(fault.NewTimeout);
            fault.Interpose(scene);
            return scene;
        }
        catch
        {
            await scene.DisposeAsync();
            throw;
        }
    }

    /// <summary>Has both channels make a detour through the test.</summary>
    internal void Interpose(Func<WireMessage, IReadOnlyList<WireMessage>> spoil)
    {
        _detour = new UpdateRoute(Detour);
        _wires.Add(new Wire(InFolder(_detour.Cpr), InFolder(Route.Cpr), isMain: false, spoil));
        _wires.Add(new Wire(InFolder(_detour.Main), InFolder(Route.Main), isMain: true, spoil));
    }

    /// <summary>Notes what is otherwise than it should be.</summary>
    internal void Hold(bool isSo, string otherwise)
    {
        if (!isSo)
        {
            _deviations.Add(otherwise);
        }
    }

    /// <summary>Asks old to hand the guest over, and lets both run until a step is done.</summary>
    /// <exception cref="StepNotReachedException">The two were slower than their time-outs.</exception>
    internal async Task ReachAsync(HandoverStep step)
    {
        _asked = (_detour ?? Route).AskAsync(Old.Qmp);
        await GoOnToAsync(step);
    }

    /// <summary>Lets both continue, step by step, from where they are held.</summary>
    /// <exception cref="StepNotReachedException">The two were slower than their time-outs.</exception>
    internal async Task GoOnToAsync(HandoverStep step)
    {
        foreach (var next in Steps.TakeWhile(s => s <= step))
        {
            try
            {
                await Of(next).Steps.WaitForAsync(next).WaitAsync(StepTimeout);
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

    /// <summary>Waits until new has done, and is held after, the next step of its that depends on nothing but those up to this one.</summary>
    internal Task NewCatchesUpAsync(HandoverStep step) => step switch
    {
        HandoverStep.OldConnected => New.Steps.WaitForAsync(HandoverStep.NewAccepted),
        HandoverStep.OldPlanSent => New.Steps.WaitForAsync(HandoverStep.NewPlanReceived),
        HandoverStep.OldMainConnected => New.Steps.WaitForAsync(HandoverStep.NewMainAccepted),
        HandoverStep.OldEndSent => New.Steps.WaitForAsync(HandoverStep.NewStateVerified),
        _ => Task.CompletedTask,
    };

    /// <summary>Lets every process continue; none is held again.</summary>
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
        await owner.SetTimeoutsAsync(10_000);
        Route = new UpdateRoute($"{_parties.Count}");
        _detour = null;
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

        _wires.ForEach(w => w.Dispose());
        Network?.Dispose();
        Ram?.Dispose();
        Directory.Delete(Folder, recursive: true);
    }

    private string InFolder(string name) => Path.Combine(Folder, name);

    /// <summary>Whose step it is: its name says it.</summary>
    internal Party Of(HandoverStep step) => IsOlds(step) ? Old : New;

    /// <summary>Whether a step is the old process's.</summary>
    internal static bool IsOlds(HandoverStep step) => step.ToString().StartsWith("Old", StringComparison.Ordinal);

    private async Task<Party> StartAsync(IEnumerable<string> startedBy, IEnumerable<string> options)
    {
        var party = await Party.StartAsync(
            $"{(char)('a' + _parties.Count)}",
            Folder,
            [.. startedBy, .. _program],
            Network is null ? Party.Guest : Party.NetworkGuest,
            [.. DiskOptions, .. Network is null ? [] : NetworkOptions, .. options]);
        _parties.Add(party);
        return party;
    }
}

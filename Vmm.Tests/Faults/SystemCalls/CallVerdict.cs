// What became of the guest and of both processes when one call was struck. Asked is over sessions of the verdict's own, because the call may
// have been one of another session's; seen from outside are the guest's count, in its RAM and in the files, and the processor time of vCPUs.

using Vmm.Lab.Drivers;

namespace Vmm.Tests.Faults.SystemCalls;

/// <summary>Judges a scene after an update between two processes.</summary>
internal sealed class CallVerdict(CallScene scene, CallWindow? window, Injection? injection) : GuestVerdict(scene, injection)
{
    private readonly CallScene _scene = scene;

    /// <summary>Who has the guest; null when that is not exactly one.</summary>
    internal Party? Owner { get; private set; }

    /// <summary>Why the update failed, as old's query-migrate has it; null when it has nothing.</summary>
    internal string? Reason { get; private set; }

    /// <summary>Where a process's monitor for the verdict is.</summary>
    internal static string Endpoint(string name) => $"{name}.verdict.qmp";

    /// <inheritdoc/>
    internal override GuestPlace Place => Owner == _scene.New ? GuestPlace.New : GuestPlace.Old;

    /// <summary>Both files one after the other.</summary>
    private protected override string Printed => _scene.Old.Console + _scene.New.Console;

    /// <inheritdoc/>
    internal override async Task<IReadOnlyList<string>> JudgeAsync()
    {
        var (old, successor) = (_scene.Old, _scene.New);
        var olds = await SettledAsync(old);
        var news = await SettledAsync(successor);
        Reason = olds.Reason;
        await FindOwnerAsync();
        if (window is { IsNewsGuest: true })
        {
            Hold(Owner != old, "the guest runs in old, although new had taken it");
        }

        if (Owner == successor)
        {
            Hold(news is { Migration: "completed", Status: "running" }, $"new has the guest and is {news}");
            Hold(olds is { Migration: "completed", Status: "postmigrate" }, $"new has the guest and old is {olds}");
        }
        else if (Owner == old)
        {
            Hold(olds is { Migration: "failed" or "cancelled" or "none", Status: "running" }, $"old has the guest and is {olds}");
            Hold(news is { ExitStatus: 1 } or { Status: "inmigrate" }, $"old has the guest and new is {news}");
        }
        else
        {
            Note($"old is {olds}, new is {news}, command: {_scene.Refusal ?? "taken"}");
        }

        await CheckGuestAsync();
        await EndAsync(old);
        await EndAsync(successor);
        CheckWatching();
        return Deviations(("old", old), ("new", successor));
    }

    /// <summary>What a process says when the update is over for it.</summary>
    private static async Task<ProcessState> SettledAsync(Party party)
    {
        using var deadline = new CancellationTokenSource(Settling);
        while (true)
        {
            var state = await AskAsync(party);
            if (state.IsSettled || deadline.IsCancellationRequested)
            {
                return state;
            }

            await Task.Delay(Poll);
        }
    }

    private static async Task<ProcessState> AskAsync(Party party)
    {
        if (!party.Lives)
        {
            return new ProcessState(ExitStatus: await party.Process.Exited);
        }

        using var deadline = new CancellationTokenSource(Answering);
        try
        {
            await using var session = await party.Process.OpenQmpAsync(Endpoint(party.Name), deadline.Token);
            return await ProcessState.AskAsync(session, deadline.Token);
        }
        catch (Exception e) when (e is IOException or TimeoutException or OperationCanceledException)
        {
            // A session that was cut off may be how an exit shows first.
            await Task.WhenAny(party.Process.Exited, Task.Delay(e is IOException ? Answering : TimeSpan.Zero));
            return party.Lives ? new ProcessState(Reason: $"it does not answer: {e.Message}") : new ProcessState(ExitStatus: await party.Process.Exited);
        }
    }

    /// <summary>The one whose vCPU runs while the guest counts.</summary>
    private async Task FindOwnerAsync()
    {
        Party[] parties = [_scene.Old, _scene.New];
        ulong count = _scene.Ram.Count;
        Hold(await UntilAsync(() => _scene.Ram.Count > count), "the guest does not run anywhere");
        var run = await RunningAsync(parties);
        using (var deadline = new CancellationTokenSource(Settling))
        {
            // On a busy host a vCPU that has stopped may still be on its way to sleep, and one that runs may have got no time.
            while (run.Count != 1 && !deadline.IsCancellationRequested)
            {
                run = await RunningAsync(parties);
            }
        }

        Hold(run.Count <= 1, "the guest runs in both");
        Owner = run.Count == 1 && _scene.Ram.Count > count ? run[0] : null;
    }

    private static async Task<List<Party>> RunningAsync(Party[] parties)
    {
        var before = Array.ConvertAll(parties, p => (p.ConsoleLength, Cpu: p.CpuTime()));
        await Task.Delay(Watch);
        return [.. parties.Where((p, i) => p.ConsoleLength > before[i].ConsoleLength || p.CpuTime() > before[i].Cpu)];
    }

    private async Task EndAsync(Party party)
    {
        if (!party.Lives)
        {
            return;
        }

        using var deadline = new CancellationTokenSource(Answering);
        try
        {
            await using var session = await party.Process.OpenQmpAsync(Endpoint(party.Name), deadline.Token);
            await session.ExecuteAsync("quit", cancellation: deadline.Token);
        }
        catch (Exception e) when (e is IOException or TimeoutException or OperationCanceledException)
        {
            Hold(!party.Lives, $"process {party.Name} does not take quit: {e.Message}");
        }

        if (await Task.WhenAny(party.Process.Exited, Task.Delay(Settling)) != party.Process.Exited)
        {
            Note($"process {party.Name} does not end on quit");
            return;
        }

        int status = await party.Process.Exited;
        Hold(status == 0, $"process {party.Name} ends on quit with {status}");
    }
}

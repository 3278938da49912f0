// What became of an update by exec when one call was struck. The guest is in the process that had it, which is the program before or the new one, or in
// the keeper; and that process answers at the monitor's socket. Of the others nothing may be left; but a process whose guest the keeper took
// before it became another program lives on without it, as after an update to another process.

using Vmm.Lab.Drivers;

namespace Vmm.Tests.Faults.SystemCalls;

/// <summary>Judges a scene after an update by exec.</summary>
internal sealed class ExecVerdict(ExecScene scene, CallWindow window, Injection? injection) : GuestVerdict(scene, injection)
{
    private const int Killed = 9; // SIGKILL

    /// <summary>What the dynamic loader exits with when it cannot load a library: the program's own code has not run yet.</summary>
    private const int NoLibrary = 127;

    /// <summary>And the language's runtime when it cannot start.</summary>
    private const int NoRuntime = 255;

    private readonly ExecScene _scene = scene;
    private readonly bool _isStruck = injection is not null;
    private GuestPlace _place;

    /// <inheritdoc/>
    internal override GuestPlace Place => _place;

    /// <summary>Standard output is one file for all of the processes.</summary>
    private protected override string Printed => _scene.Old.Console;

    private IReadOnlyList<WatchedProcess> Processes => _scene.Injector.Processes;

    /// <inheritdoc/>
    internal override async Task<IReadOnlyList<string>> JudgeAsync()
    {
        var state = await SettledAsync();
        int? owner = await OwnerAsync();
        if (owner is { } id)
        {
            CheckOwner(Processes.Single(process => process.Id == id), state);
            await CheckOthersAsync(id);
            await UpdateOnceMoreAsync(id);
            await CheckGuestAsync();
            await EndAsync(id);
        }
        else
        {
            Note($"it says {state}, command: {_scene.Refusal ?? "taken"}, {string.Join(", ", Processes)}");
        }

        foreach (var process in Processes.Where(process => process.Signal != 0 && (process.Signal != Killed || process.Child == 0)))
        {
            Note($"a crash: {process}");
        }

        CheckWatching();
        return Deviations(("all", _scene.Old));
    }

    /// <summary>Opens a session with the process that has the guest.</summary>
    private async Task<QmpClient> OpenAsync(CancellationToken cancellation) => await QmpClient.OpenAsync(
        await FaultProgram.Host.ConnectAsync(_scene.InFolder(CallVerdict.Endpoint(_scene.Old.Name)), cancellation), negotiate: true, cancellation);

    /// <summary>What the process that has the guest says when the update is over.</summary>
    private async Task<ProcessState> SettledAsync()
    {
        using var deadline = new CancellationTokenSource(Settling);
        var state = new ProcessState(Reason: "no process answers");
        while (!deadline.IsCancellationRequested)
        {
            try
            {
                await using var session = await OpenAsync(deadline.Token);
                state = await ProcessState.AskAsync(session, deadline.Token);
                if (state is { IsSettled: true, Status: not "inmigrate" })
                {
                    return state;
                }
            }
            catch (Exception e) when (e is IOException or TimeoutException or OperationCanceledException)
            {
                state = new ProcessState(Reason: $"no process answers: {e.Message}");
            }

            await Task.Delay(Poll);
        }

        return state;
    }

    /// <summary>The one process whose vCPU runs while the guest counts.</summary>
    private async Task<int?> OwnerAsync()
    {
        ulong count = _scene.Ram.Count;
        Hold(await UntilAsync(() => _scene.Ram.Count > count), "the guest does not run anywhere");
        using var deadline = new CancellationTokenSource(Settling);
        var run = await RunningAsync();
        while (run.Count != 1 && !deadline.IsCancellationRequested)
        {
            run = await RunningAsync();
        }

        Hold(run.Count <= 1, "the guest runs in several processes");
        return run.Count == 1 && _scene.Ram.Count > count ? run[0] : null;
    }

    private async Task<List<int>> RunningAsync()
    {
        int[] candidates = [.. Processes.Where(process => process.WaitStatus is null).Select(process => process.Id)];
        long[] before = Array.ConvertAll(candidates, Party.CpuTime);
        await Task.Delay(Watch);
        return [.. candidates.Where((process, i) => Party.CpuTime(process) > before[i])];
    }

    private void CheckOwner(WatchedProcess owner, ProcessState state)
    {
        bool isKeeper = owner.Child != 0;
        _place = isKeeper ? GuestPlace.Keeper : owner.Programs % 2 == 0 ? GuestPlace.New : GuestPlace.Old;
        Hold(state.Status == "running", $"{owner} has the guest and is {state}");
        string[] statuses = _place != GuestPlace.Old ? ["completed"] : _scene.Refusal is null ? ["failed"] : ["failed", "none", "cancelled"];
        Hold(statuses.Contains(state.Migration), $"{owner} has the guest and is {state}, command: {_scene.Refusal ?? "taken"}");
        Hold(!isKeeper || state.Reason?.Contains($"process {owner.Id}", StringComparison.Ordinal) == true, $"the keeper does not say that it has the guest: {state}");
        Hold(state.Migration != "failed" || !string.IsNullOrWhiteSpace(state.Reason), "it does not say why the update has failed");
        Hold(_isStruck || owner.Programs == (window.GoesBack ? 3 : 2), $"nothing was struck, and {owner} has the guest, which is {state}");
    }

    /// <summary>Of the other processes nothing is left.</summary>
    private async Task CheckOthersAsync(int owner)
    {
        var leftover = Processes.SingleOrDefault(process => process is { Child: 0, WaitStatus: null } && process.Id != owner);
        if (leftover is { Programs: 1 } && !_scene.Old.Qmp.Closed.IsCompleted)
        {
            await CheckLeftAsync();
        }

        bool areGone = await UntilAsync(() => Processes.All(process => process.Id == owner || process.IsGone), Settling);
        Hold(areGone, $"something is left besides process {owner}: {string.Join(", ", Processes.Where(process => process.Id != owner && !process.IsGone))}");
        var ended = Processes.FirstOrDefault(process => process is { Child: 0, WaitStatus: not null });
        Hold(ended is null or { ExitStatus: 0 or 1 or NoLibrary or NoRuntime }, $"the process whose guest the keeper has: {ended}");
    }

    /// <summary>The process without its guest says so, and ends when it is asked to.</summary>
    private async Task CheckLeftAsync()
    {
        using var deadline = new CancellationTokenSource(Answering);
        try
        {
            var state = await ProcessState.AskAsync(_scene.Old.Qmp, deadline.Token);
            Hold(state is { Migration: "completed", Status: "postmigrate", Reason: not null }, $"the keeper has the guest and old is {state}");
            await _scene.Old.Qmp.ExecuteAsync("quit", cancellation: deadline.Token);
        }
        catch (Exception e) when (e is IOException or TimeoutException or OperationCanceledException)
        {
            Note($"old does not answer: {e.Message}");
        }
    }

    /// <summary>Whatever has become of it, the next update succeeds.</summary>
    private async Task UpdateOnceMoreAsync(int owner)
    {
        using var deadline = new CancellationTokenSource(Settling);
        try
        {
            await using var session = await OpenAsync(deadline.Token);
            await session.ExecuteAsync("migrate-set-capabilities", """{"capabilities": [{"capability": "events", "state": true}]}""", deadline.Token);
            await ExecScene.SetAsync(session, _scene.Good, deadline.Token);
            await session.ExecuteAsync("migrate", cancellation: deadline.Token);
            string ended = await session.WaitForMigrationAsync("completed", "failed");
            var state = await ProcessState.AskAsync(session, deadline.Token);
            Hold(ended == "completed" && state.Status == "running", $"the next update ends as {state}");
        }
        catch (Exception e) when (e is IOException or TimeoutException or QmpException or OperationCanceledException)
        {
            Note($"the next update: {e.Message}");
        }

        Hold(await OwnerAsync() == owner, "after the next update the guest is in another process");
        await CheckOthersAsync(owner);
    }

    private async Task EndAsync(int owner)
    {
        using var deadline = new CancellationTokenSource(Answering);
        try
        {
            await using var session = await OpenAsync(deadline.Token);
            await session.ExecuteAsync("quit", cancellation: deadline.Token);
        }
        catch (Exception e) when (e is IOException or TimeoutException or OperationCanceledException)
        {
            Note($"it does not take quit: {e.Message}");
        }

        Hold(await UntilAsync(() => Processes.All(process => process.WaitStatus is not null), Settling), $"it does not end on quit: {string.Join(", ", Processes)}");
        var ended = Processes.Single(process => process.Id == owner);
        Hold(ended is { WaitStatus: 0 }, $"it ends on quit as {ended}");
    }
}

// What became of the guest and of both processes when one call was struck. Asked is over sessions of the verdict's own, because the call may
// have been one of another session's; seen from outside are the guest's count, in its RAM and in the files, and the processor time of vCPUs.

using Vmm.Lab.Drivers;
using Vmm.Tests.EndToEnd.Driving;

namespace Vmm.Tests.Faults.SystemCalls;

/// <summary>Judges a scene after its update.</summary>
internal sealed class CallVerdict(CallScene scene, CallWindow? window, Injection? injection)
{
    private const int MostQuoted = 600;
    private static readonly TimeSpan Answering = TimeSpan.FromSeconds(5);
    private static readonly TimeSpan Settling = TimeSpan.FromSeconds(5);

    /// <summary>For what the guest does itself: twelve guests at a time share the processors with whatever else the host does, and only a failure waits to the end.</summary>
    private static readonly TimeSpan Working = TimeSpan.FromSeconds(30);

    private static readonly TimeSpan Watch = TimeSpan.FromMilliseconds(60);
    private static readonly TimeSpan Poll = TimeSpan.FromMilliseconds(10);

    private readonly List<string> _deviations = [];

    /// <summary>Who has the guest; null when that is not exactly one.</summary>
    internal Party? Owner { get; private set; }

    /// <summary>Why the update failed, as old's query-migrate has it; null when it has nothing.</summary>
    internal string? Reason { get; private set; }

    /// <summary>Where a process's monitor for the verdict is.</summary>
    internal static string Endpoint(string name) => $"{name}.verdict.qmp";

    /// <summary>Looks, and ends both processes.</summary>
    /// <returns>Every deviation from what must be; empty when there is none.</returns>
    internal async Task<IReadOnlyList<string>> JudgeAsync()
    {
        var (old, successor) = (scene.Old, scene.New);
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
            _deviations.Add($"old is {olds}, new is {news}, command: {scene.Refusal ?? "taken"}");
        }

        Counts();
        await ServesAsync();
        CheckDisks();
        foreach (var call in scene.Injector.Unknown)
        {
            _deviations.Add($"system call {call.Number} of thread '{call.Thread}' has no line in {nameof(CallTable)}");
        }

        await EndAsync(old);
        await EndAsync(successor);
        if (scene.Injector.Defect is { } defect)
        {
            _deviations.Add($"the injector: {defect}");
        }

        if (_deviations.Count > 0)
        {
            string log = Path.Combine(scene.Folder, CallScene.LogFile);
            _deviations.Add($"stderr of old: {Last(old.Process.Errors)}; of new: {Last(successor.Process.Errors)}; log: {(File.Exists(log) ? Last(File.ReadAllText(log)) : "none")}");
        }

        return _deviations;
    }

    /// <summary>What a process says when the update is over for it.</summary>
    private static async Task<State> SettledAsync(Party party)
    {
        using var deadline = new CancellationTokenSource(Settling);
        while (true)
        {
            var state = await AskAsync(party);
            if (state is not { Migration: "setup" or "active" or "device" or "cancelling" or "wait-unplug", Status: not "inmigrate" } || deadline.IsCancellationRequested)
            {
                return state;
            }

            await Task.Delay(Poll);
        }
    }

    private static async Task<State> AskAsync(Party party)
    {
        if (!party.Lives)
        {
            return new State(ExitStatus: await party.Process.Exited);
        }

        using var deadline = new CancellationTokenSource(Answering);
        try
        {
            await using var session = await party.Process.OpenQmpAsync(Endpoint(party.Name), deadline.Token);
            var migration = await session.ExecuteAsync("query-migrate", cancellation: deadline.Token);
            var status = await session.ExecuteAsync("query-status", cancellation: deadline.Token);
            return new State(
                migration.TryGetProperty("status", out var text) ? text.GetString() : "none",
                status.GetProperty("status").GetString(),
                migration.TryGetProperty("error-desc", out text) ? text.GetString() : null);
        }
        catch (Exception e) when (e is IOException or TimeoutException or OperationCanceledException)
        {
            // A session that was cut off may be how an exit shows first.
            await Task.WhenAny(party.Process.Exited, Task.Delay(e is IOException ? Answering : TimeSpan.Zero));
            return party.Lives ? new State(Reason: $"it does not answer: {e.Message}") : new State(ExitStatus: await party.Process.Exited);
        }
    }

    /// <summary>The one whose vCPU runs while the guest counts.</summary>
    private async Task FindOwnerAsync()
    {
        Party[] parties = [scene.Old, scene.New];
        ulong count = scene.Ram.Count;
        Hold(await UntilAsync(() => scene.Ram.Count > count), "the guest does not run anywhere");
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
        Owner = run.Count == 1 && scene.Ram.Count > count ? run[0] : null;
    }

    private static async Task<List<Party>> RunningAsync(Party[] parties)
    {
        var before = Array.ConvertAll(parties, p => (p.ConsoleLength, Cpu: p.CpuTime()));
        await Task.Delay(Watch);
        return [.. parties.Where((p, i) => p.ConsoleLength > before[i].ConsoleLength || p.CpuTime() > before[i].Cpu)];
    }

    /// <summary>Both files one after the other read 1 … N. Where the output itself was struck, what was written may have a hole.</summary>
    private void Counts()
    {
        if (injection is not { Key.IsOutput: true } && GuestCount.Deviation(scene.Old.Console + scene.New.Console) is { } deviation)
        {
            _deviations.Add(deviation);
        }
    }

    /// <summary>The queue of each device gives buffers back, which the guest offers again only when an interrupt has said so.</summary>
    private async Task ServesAsync()
    {
        for (int device = 0; device < CallScene.Devices; device++)
        {
            uint served = scene.Ram.Served(device);
            Hold(await UntilAsync(() => scene.Ram.Served(device) != served), $"the queue of device {device} is not served any more: {scene.Ram.Queue(device)}");
        }

        foreach (var (log, image) in DiskLog.Entropy.Zip(CallScene.Images))
        {
            uint[] before = log.Counts(scene.Ram.Read);
            bool goOn = await UntilAsync(() => !log.Waiting(before, scene.Ram.Read).Any());
            Hold(goOn, $"requests of the disk {image} that are not done: {string.Join(", ", log.Waiting(before, scene.Ram.Read))}");
        }
    }

    /// <summary>No write is missing that the guest knows to be done, and only those have failed that were struck; the guest makes them again.</summary>
    private void CheckDisks()
    {
        foreach (var (log, image) in DiskLog.Entropy.Zip(CallScene.Images))
        {
            if (log.Deviation(scene.InFolder(image), scene.Ram.Read) is { } lost)
            {
                _deviations.Add($"{image}: {lost}");
            }

            uint failures = log.Failures(scene.Ram.Read);
            Hold(failures == 0 || injection is { Key.IsDisks: true }, $"{image}: {failures} writes have failed");
        }
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
            _deviations.Add($"process {party.Name} does not end on quit");
            return;
        }

        int status = await party.Process.Exited;
        Hold(status == 0, $"process {party.Name} ends on quit with {status}");
    }

    private static async Task<bool> UntilAsync(Func<bool> condition)
    {
        using var deadline = new CancellationTokenSource(Working);
        while (!condition())
        {
            if (deadline.IsCancellationRequested)
            {
                return false;
            }

            await Task.Delay(Poll);
        }

        return true;
    }

    private static string Last(string text) => text.Length > MostQuoted ? text[^MostQuoted..] : text;

    private void Hold(bool isSo, string otherwise)
    {
        if (!isSo)
        {
            _deviations.Add(otherwise);
        }
    }

    private sealed record State(string? Migration = null, string? Status = null, string? Reason = null, int? ExitStatus = null)
    {
        public override string ToString() => ExitStatus is { } status
            ? $"gone with status {status}"
            : $"'{Migration}', '{Status}'{(Reason is null ? "" : $" ({Reason})")}";
    }
}

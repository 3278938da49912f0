// What became of the guest and of both processes, seen from outside, compared with the outcome that the fault must have. Every
// deviation is one line, so that a broken program shows all that is wrong with it.
// The guest writes 1, 2, 3 … and each process keeps what was written while it ran it (GuestCount); it has 32 writes to its disk in flight, and knows
// which of them were reported as done (DiskLog).

using System.Security.Cryptography;
using System.Text.RegularExpressions;
using Vmm.Lab.Drivers;

namespace Vmm.Tests.Faults;

/// <summary>Judges a scene after its fault.</summary>
internal sealed class Verdict
{
    private static readonly TimeSpan Watch = TimeSpan.FromMilliseconds(200);
    private static readonly TimeSpan Settling = TimeSpan.FromSeconds(5);
    private static readonly TimeSpan Poll = TimeSpan.FromMilliseconds(5);

    private readonly Scene _scene;
    private readonly Party _old;
    private readonly Party _new;
    private readonly Fault _fault;
    private readonly Outcome _expected;
    private readonly string _digest;
    private readonly string _imageDigest;
    private readonly IReadOnlyList<string> _descriptors;
    private readonly IReadOnlyList<string> _threads;
    private readonly List<string> _deviations = [];

    /// <summary>Begins before the fault: the old process, at rest with its guest, is what the survivor is compared with.</summary>
    internal Verdict(Scene scene, Fault fault)
    {
        _scene = scene;
        _fault = fault;
        _digest = scene.IsPaused ? scene.Ram.Digest : string.Empty;
        _imageDigest = scene.IsPaused ? ImageDigest() : string.Empty;
        _old = scene.Old;
        _new = scene.New;
        _expected = fault.At(scene.Struck);
        _descriptors = _old.Descriptors();
        _threads = _old.Threads();
    }

    /// <summary>Waits until all is over and looks.</summary>
    /// <returns>Every deviation from what was expected; empty when there is none.</returns>
    internal async Task<IReadOnlyList<string>> JudgeAsync()
    {
        await EndsAsync();
        _deviations.AddRange(_scene.Deviations);
        var owner = _expected.Owner switch
        {
            Owner.Old => _old,
            Owner.New => _new,
            _ => null,
        };
        if (owner is not null && _fault.MayPause && await owner.StatusAsync() == "paused")
        {
            await owner.Qmp.ExecuteAsync("cont");
        }

        await WatchAsync(owner);
        if (owner is not null && _deviations.Count == 0)
        {
            await HoldsAsync(_fault.OwnedAsync);
            await LeavesNothingAsync(owner);
            await RetryAsync(owner);
            await HoldsAsync(_fault.RetriedAsync);
        }

        Counts();
        return _deviations;
    }

    private string Running => _scene.IsPaused ? "paused" : "running";

    /// <summary>Both processes come to the end that they should.</summary>
    private async Task EndsAsync()
    {
        try
        {
            if (_expected.Old != Rest.Killed)
            {
                await OldReportsAsync();
            }

            switch (_expected.New)
            {
                case Rest.Owns:
                    string ended = await _new.Qmp.WaitForMigrationAsync("completed", "failed");
                    Hold(ended == "completed", $"new says '{ended}': {await _new.ReasonAsync()}");
                    string now = await _new.StatusAsync();
                    Hold(now == Running || (_fault.MayPause && now == "paused"), $"new is '{now}' instead of '{Running}'");
                    break;
                case Rest.Waits:
                    Hold(await _new.StatusAsync() == "inmigrate", $"new is '{await _new.StatusAsync()}' and should wait");
                    break;
                case Rest.Exits:
                    int status = await _new.Process.Exited.WaitAsync(Timeouts.Answer);
                    Hold(status == 1, $"new exits with {status} instead of 1");
                    Hold(await UntilAsync(() => _new.Process.Errors.Contains("vmm: ", StringComparison.Ordinal)), $"new exits without a reason: '{_new.Process.Errors}'");
                    break;
            }
        }
        catch (Exception e) when (e is IOException or TimeoutException)
        {
            _deviations.Add(e.Message);
        }
    }

    private async Task OldReportsAsync()
    {
        await _scene.AnswerAsync();
        string status = await _old.Qmp.WaitForMigrationAsync("completed", "failed", "cancelled");
        string reason = await _old.ReasonAsync();
        Hold(status == _expected.Status, $"old says '{status}' instead of '{_expected.Status}': {reason}");
        Hold(
            _expected.Reason is { } words ? Regex.IsMatch(reason, words) : reason.Length == 0,
            $"old's reason is '{reason}', expected was '{_expected.Reason}'");
        string state = _expected.Old == Rest.Owns ? Running : "postmigrate";
        Hold(await _old.StatusAsync() == state, $"old is '{await _old.StatusAsync()}' instead of '{state}'");
    }

    /// <summary>What the fault itself promises.</summary>
    private async Task HoldsAsync(Func<Scene, Task> promise)
    {
        int before = _scene.Deviations.Count;
        try
        {
            await promise(_scene);
        }
        catch (Exception e) when (e is IOException or TimeoutException or OperationCanceledException)
        {
            _deviations.Add(e.Message);
        }

        _deviations.AddRange(_scene.Deviations.Skip(before));
    }

    /// <summary>For a while only the owner runs the guest.</summary>
    private async Task WatchAsync(Party? owner)
    {
        var idle = new[] { _old, _new }.Where(p => p != owner).ToList();
        var before = idle.ConvertAll(p => p.ConsoleLength);
        long count = owner?.ConsoleLength ?? 0;
        await Task.Delay(Watch);
        for (int i = 0; i < idle.Count; i++)
        {
            Hold(!idle[i].Lives || await idle[i].CpusRestAsync(Watch), $"vCPUs of process {idle[i].Name} run although it does not have the guest");
            Hold(idle[i].ConsoleLength == before[i], $"process {idle[i].Name} writes although it does not have the guest");
        }

        if (_scene.IsPaused)
        {
            Hold(_scene.Ram.Digest == _digest, "the RAM of a paused guest has changed");
            Hold(ImageDigest() == _imageDigest, "the disk of a paused guest has changed");
            Hold(owner is null || owner.ConsoleLength == count, "a paused guest runs");
        }
        else if (owner is not null)
        {
            Hold(await UntilAsync(() => owner.ConsoleLength > count), "the guest does not run in its owner");
            await WritesAsync("its owner");
        }
    }

    /// <summary>The survivor has the descriptors and threads that a process with a guest has, and no more.</summary>
    private async Task LeavesNothingAsync(Party survivor)
    {
        Hold(
            await UntilAsync(() => Difference(Descriptors(survivor), _descriptors) is null),
            $"descriptors of process {survivor.Name}: {Difference(Descriptors(survivor), _descriptors)}");
        Hold(
            await UntilAsync(() => !Threads(survivor).Except(_threads).Any() && Threads(survivor).Count <= _threads.Count),
            $"threads of process {survivor.Name}: {Difference(Threads(survivor), _threads)}");

        // A killed process cannot remove what it was listening on; one that waits still does.
        if (_expected.New is Rest.Owns or Rest.Exits)
        {
            var left = Directory.GetFiles(_scene.Folder, "*.sock").Select(Path.GetFileName).Where(name => !name!.StartsWith(Scene.Detour, StringComparison.Ordinal));
            Hold(!left.Any(), $"left behind: {string.Join(", ", left)}");
        }
    }

    /// <summary>The next attempt, right after, succeeds.</summary>
    private async Task RetryAsync(Party owner)
    {
        try
        {
            await _scene.HopAsync(owner);
            if (_scene.IsPaused)
            {
                Hold(_scene.Ram.Digest == _digest, "the RAM of a paused guest has changed in the retry");
                await _scene.New.Qmp.ExecuteAsync("cont");
            }

            long count = _scene.New.ConsoleLength;
            Hold(await UntilAsync(() => _scene.New.ConsoleLength > count), "the guest does not run after the retry");
            await WritesAsync("the retry");
        }
        catch (Exception e) when (e is IOException or TimeoutException or QmpException)
        {
            _deviations.Add($"the retry: {e.Message}");
        }
    }

    /// <summary>The disk is served.</summary>
    private async Task WritesAsync(string where)
    {
        uint[] before = Scene.Disk.Counts(_scene.Ram.Read);
        bool goOn = await UntilAsync(() => !Scene.Disk.Waiting(before, _scene.Ram.Read).Any());
        Hold(goOn, $"requests of the disk that are not done in {where}: {string.Join(", ", Scene.Disk.Waiting(before, _scene.Ram.Read))}");
    }

    private string ImageDigest() => Convert.ToHexString(SHA256.HashData(File.ReadAllBytes(_scene.Image)));

    /// <summary>All processes' files one after the other read 1 … N, and no write is missing that the guest knows to be done, no matter which process died.</summary>
    private void Counts()
    {
        uint failures = Scene.Disk.Failures(_scene.Ram.Read);
        Hold(failures == 0, $"the guest's disk has reported {failures} writes as failed");
        if (Scene.Disk.Deviation(_scene.Image, _scene.Ram.Read) is { } lost)
        {
            _deviations.Add(lost);
        }

        if (GuestCount.Deviation(string.Concat(_scene.Parties.Select(p => p.Console)), _fault.MayRestart) is { } deviation)
        {
            _deviations.Add(deviation);
        }
    }

    private static async Task<bool> UntilAsync(Func<bool> condition)
    {
        using var deadline = new CancellationTokenSource(Settling);
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

    /// <summary>A process's descriptors without those that only it was asked to have.</summary>
    private List<string> Descriptors(Party party)
    {
        var names = party.Descriptors().ToList();
        if (party == _new)
        {
            names.RemoveAll(_fault.OnlyInNew.Contains);
        }

        return names;
    }

    /// <summary>A process's threads without those that only it was asked to have, of each name one.</summary>
    private List<string> Threads(Party party)
    {
        var names = party.Threads().ToList();
        if (party == _new)
        {
            foreach (string name in _fault.ThreadsOnlyInNew)
            {
                names.Remove(name);
            }
        }

        return names;
    }

    private static string? Difference(IReadOnlyList<string> found, IReadOnlyList<string> expected)
    {
        var more = found.ToList();
        var less = expected.Where(name => !more.Remove(name)).ToList();
        return more.Count + less.Count == 0 ? null : $"too many: {string.Join(", ", more)}; too few: {string.Join(", ", less)}";
    }

    private void Hold(bool isSo, string otherwise)
    {
        if (!isSo)
        {
            _deviations.Add(otherwise);
        }
    }
}

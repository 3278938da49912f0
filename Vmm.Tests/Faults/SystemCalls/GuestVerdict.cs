// What became of the guest when one call was struck, as it is seen from outside: its count, in its RAM and in what it printed, and its disks. What
// became of the processes is for each kind of update to judge: CallVerdict has that of one between two, ExecVerdict that of one by exec.

using Vmm.Lab.Drivers;
using Vmm.Tests.EndToEnd.Driving;

namespace Vmm.Tests.Faults.SystemCalls;

/// <summary>Judges a scene after its update.</summary>
internal abstract class GuestVerdict(CallScene scene, Injection? injection)
{
    private const int MostQuoted = 600;

    /// <summary>For an answer.</summary>
    private protected static readonly TimeSpan Answering = TimeSpan.FromSeconds(5);

    /// <summary>For a process that has something to end.</summary>
    private protected static readonly TimeSpan Settling = TimeSpan.FromSeconds(5);

    /// <summary>How long a vCPU is watched for signs of life.</summary>
    private protected static readonly TimeSpan Watch = TimeSpan.FromMilliseconds(60);

    /// <summary>Between two looks.</summary>
    private protected static readonly TimeSpan Poll = TimeSpan.FromMilliseconds(10);

    /// <summary>For what the guest does itself: twelve guests at a time share the processors with whatever else the host does, and only a failure waits to the end.</summary>
    private static readonly TimeSpan Working = TimeSpan.FromSeconds(30);

    private readonly List<string> _deviations = [];

    /// <summary>Where the guest is.</summary>
    internal abstract GuestPlace Place { get; }

    /// <summary>Looks, and ends all processes.</summary>
    /// <returns>Every deviation from what must be; empty when there is none.</returns>
    internal abstract Task<IReadOnlyList<string>> JudgeAsync();

    /// <summary>What the guest has printed, in all of its processes.</summary>
    private protected abstract string Printed { get; }

    /// <summary>The guest has lost nothing.</summary>
    private protected async Task CheckGuestAsync()
    {
        Counts();
        await ServesAsync();
        CheckDisks();
    }

    /// <summary>The watching itself went as it should.</summary>
    private protected void CheckWatching()
    {
        foreach (var call in scene.Injector.Unknown)
        {
            Note($"system call {call.Number} of thread '{call.Thread}' has no line in {nameof(CallTable)}");
        }

        if (scene.Injector.Defect is { } defect)
        {
            Note($"the injector: {defect}");
        }
    }

    /// <summary>All that was noted, with what the processes said if there is any.</summary>
    private protected IReadOnlyList<string> Deviations(params (string Name, Party Party)[] processes)
    {
        if (_deviations.Count > 0)
        {
            string log = Path.Combine(scene.Folder, CallScene.LogFile);
            Note($"{string.Join("; ", processes.Select(p => $"stderr of {p.Name}: {Last(p.Party.Process.Errors)}"))}; log: {(File.Exists(log) ? Last(File.ReadAllText(log)) : "none")}");
        }

        return _deviations;
    }

    private protected void Note(string deviation) => _deviations.Add(deviation);

    private protected void Hold(bool isSo, string otherwise)
    {
        if (!isSo)
        {
            Note(otherwise);
        }
    }

    private protected static async Task<bool> UntilAsync(Func<bool> condition, TimeSpan? limit = null)
    {
        using var deadline = new CancellationTokenSource(limit ?? Working);
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

    /// <summary>It reads 1 … N. Where the output itself was struck, what was written may have a hole.</summary>
    private void Counts()
    {
        if (injection is not { Key.IsOutput: true } && GuestCount.Deviation(Printed) is { } deviation)
        {
            Note(deviation);
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
                Note($"{image}: {lost}");
            }

            uint failures = log.Failures(scene.Ram.Read);
            Hold(failures == 0 || injection is { Key.IsDisks: true }, $"{image}: {failures} writes have failed");
        }
    }

    private static string Last(string text) => text.Length > MostQuoted ? text[^MostQuoted..] : text;
}

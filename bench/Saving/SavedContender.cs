using System.Diagnostics;
using Vmm.Bench.Handover.Contenders;
using Vmm.Bench.Processes;

namespace Vmm.Bench.Saving;

/// <summary>A program whose stopped guest, half of its RAM random, is saved to a file and restored from it, again and again.</summary>
/// <param name="scratch">Where its sockets are.</param>
/// <param name="name">Its name.</param>
/// <param name="program">The program.</param>
/// <param name="arguments">Its arguments; those of RAM are added.</param>
/// <param name="mebibytes">RAM.</param>
/// <param name="isLimited">Whether it limits its bandwidth unless told otherwise.</param>
internal sealed class SavedContender(Scratch scratch, string name, string program, string[] arguments, int mebibytes, bool isLimited = false) : IDisposable
{
    private const int MiB = 1 << 20;

    private readonly string _file = $"/dev/shm/vmm-bench-{Environment.ProcessId}-{name}";
    private QmpProcess? _process;

    /// <summary>What it is called.</summary>
    internal string Name => name;

    /// <summary>Bytes of the file.</summary>
    internal long FileSize => new FileInfo(_file).Length;

    /// <summary>Resident memory beside the guest's RAM, in KiB: before the first save and after the last one.</summary>
    internal (long Before, long After) Resident { get; private set; }

    /// <summary>Starts it, and fills the first half of its RAM beyond the guest's own with random bytes.</summary>
    internal void Start()
    {
        _process = Begin();
        _process.Greet();
        Configure(_process);
        Fill(RamFile.Of(_process.Id, (long)mebibytes * MiB));
        long resident = _process.ResidentKiB();
        Resident = (resident, resident);
    }

    /// <summary>Saves the guest; milliseconds.</summary>
    internal double Save()
    {
        var process = _process!;
        process.Execute("""{"execute":"cont"}""");
        process.Execute("""{"execute":"stop"}""");
        process.ForgetEvents();
        long began = Stopwatch.GetTimestamp();
        process.Execute($$$"""{"execute":"migrate","arguments":{"uri":"file:{{{_file}}}"}}""");
        WaitForEnd(process);
        double took = Stopwatch.GetElapsedTime(began).TotalMilliseconds;
        Resident = Resident with { After = process.ResidentKiB() };
        return took;
    }

    /// <summary>Restores it in a process of its own, which is ended; milliseconds.</summary>
    internal double Restore()
    {
        using var process = Begin("-incoming", "defer");
        process.Greet();
        Configure(process);
        long began = Stopwatch.GetTimestamp();
        process.Execute($$$"""{"execute":"migrate-incoming","arguments":{"uri":"file:{{{_file}}}"}}""");
        WaitForEnd(process);
        return Stopwatch.GetElapsedTime(began).TotalMilliseconds;
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _process?.Dispose();
        File.Delete(_file);
    }

    private QmpProcess Begin(params string[] more) => new(
        scratch, more.Length == 0 ? name : $"{name}-in", program,
        [.. arguments, "-object", $"memory-backend-memfd,id=ram,size={mebibytes}M,share=on", "-m", $"{mebibytes}", "-nodefaults", "-display", "none", "-S", .. more]);

    /// <summary>QEMU limits itself to 128 MiB a second unless it is told another number; ours has no such limit, and no such parameter.</summary>
    private void Configure(QmpProcess process)
    {
        process.Execute("""{"execute":"migrate-set-capabilities","arguments":{"capabilities":[{"capability":"events","state":true}]}}""");
        if (isLimited)
        {
            process.Execute("""{"execute":"migrate-set-parameters","arguments":{"max-bandwidth":1000000000000}}""");
        }
    }

    private static void WaitForEnd(QmpProcess process)
    {
        var end = process.WaitFor(e => e.GetProperty("event").GetString() == "MIGRATION"
            && e.GetProperty("data").GetProperty("status").GetString() is "completed" or "failed");
        if (end.GetProperty("data").GetProperty("status").GetString() == "failed")
        {
            throw new InvalidOperationException($"{process.Name}: {process.Execute("""{"execute":"query-migrate"}""")}");
        }
    }

    private void Fill(string path)
    {
        using var file = File.OpenHandle(path, FileMode.Open, FileAccess.Write, FileShare.ReadWrite);
        byte[] bytes = new byte[MiB];
        var random = new Random(1);
        for (int i = mebibytes / 4; i < mebibytes * 3 / 4; i++)
        {
            random.NextBytes(bytes);
            RandomAccess.Write(file, bytes, (long)i * MiB);
        }
    }
}

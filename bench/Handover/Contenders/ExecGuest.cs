// Ours in mode cpr-exec: one guest, one process, and one connection to it, that becomes program after program. The figures are those of query-migrate in the
// program that took the guest.

using System.Diagnostics;
using System.Globalization;
using System.Text.Json;
using Vmm.Bench.Processes;

namespace Vmm.Bench.Handover.Contenders;

/// <summary>A guest of vmm whose process becomes other programs.</summary>
internal sealed class ExecGuest : IContender
{
    private readonly QmpProcess _process;
    private readonly long _size;
    private readonly bool _isMapped;
    private bool _rests;

    /// <summary>Boots it.</summary>
    /// <param name="scratch">Where its socket is.</param>
    /// <param name="name">A name of its own in the scratch.</param>
    /// <param name="mebibytes">RAM.</param>
    /// <param name="isMapped">Whether every page of the RAM is in the process's address space before it becomes another program, as after a guest has touched it.</param>
    internal ExecGuest(Scratch scratch, string name, int mebibytes, bool isMapped)
    {
        (_size, _isMapped) = ((long)mebibytes << 20, isMapped);
        _process = new QmpProcess(scratch, name, VmmUnderTest.Program, VmmUnderTest.Arguments("counter", mebibytes));
        _process.Greet();
        RamFile.WaitPast(RamPath, RamFile.Counter, 1000);
        Rest();
    }

    /// <inheritdoc/>
    public string RamPath => RamFile.Of(_process.Id, _size);

    /// <inheritdoc/>
    public void Prepare()
    {
        _process.Execute("""{"execute":"migrate-set-capabilities","arguments":{"capabilities":[{"capability":"events","state":true}]}}""");
        _process.Execute($$$"""{"execute":"migrate-set-parameters","arguments":{"mode":"cpr-exec","cpr-exec-command":[{{{string.Join(',', _process.Command.Select(word => $"\"{JsonEncodedText.Encode(word)}\""))}}}]}}""");
        if (_isMapped)
        {
            MapRam();
        }

        if (_rests)
        {
            _process.Execute("""{"execute":"cont"}""");
            _process.ForgetEvents();
            _rests = false;
        }
    }

    /// <inheritdoc/>
    public Hop Switch()
    {
        long began = Stopwatch.GetTimestamp();
        _process.Execute("""{"execute":"migrate"}""");
        var report = MigrationAccount.WaitUntilCompleted(_process);
        return MigrationAccount.Of(report) with { CommandMilliseconds = Stopwatch.GetElapsedTime(began).TotalMilliseconds };
    }

    /// <inheritdoc/>
    public void Rest()
    {
        _process.Execute("""{"execute":"stop"}""");
        _rests = true;
    }

    /// <inheritdoc/>
    public void Dispose() => _process.Dispose();

    /// <summary>Reads the RAM where the process has it mapped, so that the kernel enters every page there.</summary>
    private void MapRam()
    {
        string line = File.ReadLines($"/proc/{_process.Id}/maps").First(mapping => mapping.Contains("memfd:", StringComparison.Ordinal) && Length(mapping) >= _size);
        long start = Address(line, 0);
        using var memory = File.OpenHandle($"/proc/{_process.Id}/mem", FileMode.Open, FileAccess.Read, FileShare.ReadWrite);
        byte[] piece = new byte[4 << 20];
        for (long at = 0; at < _size; at += piece.Length)
        {
            if (RandomAccess.Read(memory, piece, start + at) != piece.Length)
            {
                throw new InvalidOperationException($"{_process.Name}: its RAM cannot be read at {at}");
            }
        }
    }

    private static long Length(string mapping) => Address(mapping, 1) - Address(mapping, 0);

    private static long Address(string mapping, int end) => long.Parse(mapping.Split(' ')[0].Split('-')[end], NumberStyles.HexNumber, CultureInfo.InvariantCulture);
}

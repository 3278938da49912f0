// The floor: two processes of floor.c, new ones for every hop.

using System.Diagnostics;
using System.Globalization;
using Vmm.Bench.Processes;

namespace Vmm.Bench.Handover.Contenders;

/// <summary>The least that a handover can cost.</summary>
internal sealed class Floor(Scratch scratch, string program, int cpus, int mebibytes, bool isBusy) : IContender
{
    private Process? _pair;
    private string? _ram;

    /// <summary>Bytes that its message must have at least: those of what it is compared with.</summary>
    internal long MessageBytes { get; set; }

    /// <inheritdoc/>
    public string RamPath => _ram ?? throw new InvalidOperationException("nothing runs");

    /// <inheritdoc/>
    public void Prepare()
    {
        Rest();
        _pair = scratch.Start(new ProcessStartInfo(program, [$"{cpus}", $"{mebibytes}", $"{MessageBytes}", isBusy ? "busy" : "still"])
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
        });
        _ram = $"/proc/{_pair.Id}/fd/{Line()["ram ".Length..]}";
    }

    /// <inheritdoc/>
    public Hop Switch()
    {
        _pair!.StandardInput.Write('\n');
        _pair.StandardInput.Flush();
        if (Line().Split(' ').Select(n => long.Parse(n, CultureInfo.InvariantCulture)).ToArray()
            is not [var decided, var left, var saved, var received, var set, var entered, var bytes])
        {
            throw new InvalidOperationException("the floor said something else");
        }

        return new Hop(Between(decided, entered))
        {
            Phases =
            [
                ("kick", Between(decided, left)), ("get", Between(left, saved)), ("send", Between(saved, received)),
                ("set", Between(received, set)), ("enter", Between(set, entered)),
            ],
            Bytes = bytes,
        };
    }

    /// <inheritdoc/>
    public void Dispose() => Rest();

    /// <inheritdoc/>
    public void Rest()
    {
        if (_pair is not null)
        {
            scratch.End(_pair);
            _pair = null;
        }
    }

    private static double Between(long from, long to) => (to - from) / 1e3;

    private string Line() => _pair!.StandardOutput.ReadLine() ?? throw new InvalidOperationException("the floor died");
}

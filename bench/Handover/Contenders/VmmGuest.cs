// Ours: one guest that goes from vmm process to vmm process. The figures are those of query-migrate, which both processes must
// give alike.

using System.Diagnostics;
using System.Text.Json;
using Vmm.Bench.Processes;

namespace Vmm.Bench.Handover.Contenders;

/// <summary>A guest of vmm.</summary>
internal sealed class VmmGuest : IContender
{
    private readonly Scratch _scratch;
    private readonly string _name;
    private readonly string[] _arguments;
    private readonly long _size;
    private QmpProcess _owner;
    private QmpProcess? _waiting;
    private double _ready;
    private int _generation;
    private bool _rests;

    /// <summary>Boots it.</summary>
    /// <param name="scratch">Where its sockets are.</param>
    /// <param name="name">A name of its own in the scratch.</param>
    /// <param name="mebibytes">RAM.</param>
    /// <param name="guest">The tiny guest.</param>
    /// <param name="more">Further arguments.</param>
    internal VmmGuest(Scratch scratch, string name, int mebibytes, string guest, params string[] more)
    {
        (_scratch, _name, _size) = (scratch, name, (long)mebibytes << 20);
        _arguments = [.. VmmUnderTest.Arguments(guest, mebibytes), .. more];
        _owner = Start();
        Greet(_owner);
        RamFile.WaitPast(RamPath, guest == "smp" ? RamFile.Slots : RamFile.Counter, 1000);
        Rest();
    }

    /// <summary>Milliseconds that a new process may spend on mapping RAM ahead; null for the program's own choice.</summary>
    internal int? PrefaultBudget { get; set; }

    /// <inheritdoc/>
    public string RamPath => RamFile.Of(_owner.Id, _size);

    private string Cpr => _scratch[$"{_name}.cpr"];

    private string Main => _scratch[$"{_name}.main"];

    /// <inheritdoc/>
    public void Prepare()
    {
        Wake();
        string budget = PrefaultBudget is { } milliseconds ? $""","cpr-prefault-budget":{milliseconds}""" : "";
        _owner.Execute($$$"""{"execute":"migrate-set-parameters","arguments":{"mode":"cpr-transfer","cpr-uri":"unix:{{{Cpr}}}"{{{budget}}}}}""");
        _waiting = Start("-incoming", $"unix:{Main}", "-cpr-uri", $"unix:{Cpr}");
        _waiting.WaitForListener(Cpr);
        _ready = Stopwatch.GetElapsedTime(_waiting.StartedAt).TotalMilliseconds;
        Greet(_waiting);
    }

    /// <inheritdoc/>
    public Hop Switch()
    {
        var (old, successor) = (_owner, _waiting ?? throw new InvalidOperationException("no process waits"));
        long began = Stopwatch.GetTimestamp();
        old.Execute($$$"""{"execute":"migrate","arguments":{"uri":"unix:{{{Main}}}"}}""");
        var report = MigrationAccount.WaitUntilCompleted(old);
        double command = Stopwatch.GetElapsedTime(began).TotalMilliseconds;
        var hop = MigrationAccount.Of(report);
        if (hop.PauseMicroseconds != MigrationAccount.Of(MigrationAccount.WaitUntilCompleted(successor)).PauseMicroseconds)
        {
            throw new InvalidOperationException($"the two processes account differently; the old one: {report}");
        }

        (_owner, _waiting) = (successor, null);
        old.Dispose();
        return hop with { CommandMilliseconds = command, ReadyMilliseconds = _ready, Bytes = report.GetProperty("ram").GetProperty("transferred").GetInt64() };
    }

    /// <inheritdoc/>
    public void Rest()
    {
        _owner.Execute("""{"execute":"stop"}""");
        _rests = true;
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _waiting?.Dispose();
        _owner.Dispose();
    }

    private static void Greet(QmpProcess process)
    {
        process.Greet();
        process.Execute("""{"execute":"migrate-set-capabilities","arguments":{"capabilities":[{"capability":"events","state":true}]}}""");
    }

    private void Wake()
    {
        if (_rests)
        {
            _owner.Execute("""{"execute":"cont"}""");
            _owner.ForgetEvents();
            _rests = false;
        }
    }

    private QmpProcess Start(params string[] update) =>
        new(_scratch, $"{_name}-{_generation++}", VmmUnderTest.Program, [.. _arguments, .. update]);
}

// QEMU's cpr-transfer, with the same tiny guest on the machine type that is most like ours. Its pause from inside is what its
// events show, from STOP of the old process to RESUME of the new one; query-migrate gives whole milliseconds and stops counting
// when the state is sent.

using System.Diagnostics;
using System.Text.Json;
using Vmm.Bench.Processes;

namespace Vmm.Bench.Handover.Contenders;

/// <summary>A guest of QEMU.</summary>
internal sealed class QemuGuest : IContender
{
    private readonly Scratch _scratch;
    private readonly string _name;
    private readonly string _program;
    private readonly string[] _arguments;
    private readonly long _size;
    private QmpProcess _owner;
    private QmpProcess? _waiting;
    private double _ready;
    private int _generation;
    private bool _rests;

    /// <summary>Boots it.</summary>
    /// <param name="scratch">Where its sockets are.</param>
    /// <param name="program">QEMU.</param>
    /// <param name="name">A name of its own in the scratch.</param>
    /// <param name="mebibytes">RAM.</param>
    /// <param name="guest">The tiny guest.</param>
    /// <param name="more">Further arguments.</param>
    internal QemuGuest(Scratch scratch, string program, string name, int mebibytes, string guest, params string[] more)
    {
        (_scratch, _program, _name, _size) = (scratch, program, name, (long)mebibytes << 20);
        _arguments =
        [
            "-machine", "microvm,accel=kvm,memory-backend=ram,aux-ram-share=on", "-object", $"memory-backend-memfd,id=ram,size={mebibytes}M,share=on",
            "-m", $"{mebibytes}", "-kernel", $"out/guests/{guest}.elf", "-nodefaults", "-no-user-config", "-display", "none",
            "-global", "virtio-mmio.force-legacy=false", .. more,
        ];
        _owner = Start();
        _owner.Greet();
        RamFile.WaitPast(RamPath, RamFile.Counter, 1000);
        Rest();
    }

    /// <inheritdoc/>
    public string RamPath => RamFile.Of(_owner.Id, _size);

    private string Cpr => _scratch[$"{_name}.cpr"];

    private string Main => _scratch[$"{_name}.main"];

    /// <inheritdoc/>
    public void Prepare()
    {
        Wake();
        _owner.Execute("""{"execute":"migrate-set-capabilities","arguments":{"capabilities":[{"capability":"events","state":true}]}}""");
        _owner.Execute("""{"execute":"migrate-set-parameters","arguments":{"mode":"cpr-transfer"}}""");
        _waiting = Start("-incoming", $"unix:{Main}", "-incoming", $"cpr,addr.transport=socket,addr.type=unix,addr.path={Cpr}");
        _waiting.WaitForListener(Cpr);
        _ready = Stopwatch.GetElapsedTime(_waiting.StartedAt).TotalMilliseconds;
    }

    /// <inheritdoc/>
    public Hop Switch()
    {
        var (old, successor) = (_owner, _waiting ?? throw new InvalidOperationException("no process waits"));
        long began = Stopwatch.GetTimestamp();
        old.Execute($$$"""
            {"execute":"migrate","arguments":{"channels":[
            {"channel-type":"main","addr":{"transport":"socket","type":"unix","path":"{{{Main}}}"}},
            {"channel-type":"cpr","addr":{"transport":"socket","type":"unix","path":"{{{Cpr}}}"}}]}}
            """.ReplaceLineEndings(" "));

        // The new one has no monitor before the old one has connected.
        successor.Greet();
        double stopped = Instant(old.WaitFor(e => Named(e, "STOP")));
        old.WaitFor(e => Named(e, "MIGRATION") && e.GetProperty("data").GetProperty("status").GetString() == "completed");
        double command = Stopwatch.GetElapsedTime(began).TotalMilliseconds;
        double resumed = Resumed(successor);
        (_owner, _waiting) = (successor, null);
        old.Dispose();
        return new Hop(resumed - stopped) { CommandMilliseconds = command, ReadyMilliseconds = _ready };
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

    /// <summary>When the guest continued; not a number when that was before this was connected.</summary>
    private static double Resumed(QmpProcess successor)
    {
        using var never = new ManualResetEventSlim();
        while (!successor.Execute("""{"execute":"query-status"}""").GetProperty("running").GetBoolean())
        {
            never.Wait(1);
        }

        return successor.TryFind(e => Named(e, "RESUME")) is { } resume ? Instant(resume) : double.NaN;
    }

    private static bool Named(JsonElement message, string name) => message.GetProperty("event").GetString() == name;

    private static double Instant(JsonElement message)
    {
        var time = message.GetProperty("timestamp");
        return (time.GetProperty("seconds").GetInt64() * 1e6) + time.GetProperty("microseconds").GetInt64();
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

    private QmpProcess Start(params string[] update) => new(_scratch, $"{_name}-{_generation++}", _program, [.. _arguments, .. update]);
}

using System.Text;
using System.Text.RegularExpressions;
using Microsoft.Win32.SafeHandles;
using Vmm.Core.Chardevs;
using Vmm.Core.Loop;
using Vmm.Core.Native;
using Vmm.Core.State;
using Vmm.Tests.Unit.Descriptors;
using Vmm.Tests.Unit.Devices;

namespace Vmm.Tests.Unit.Chardevs;

/// <summary>Two devices and a monitor on one line, whose far end is a user at a terminal.</summary>
[Parallelizable(ParallelScope.All)]
[FixtureLifeCycle(LifeCycle.InstancePerTestCase)]
public sealed partial class MuxChardevTests : IDisposable
{
    private const string Escape = "\x01";
    private static readonly TimeSpan Timeout = TimeSpan.FromSeconds(20);

    private readonly ChardevBench _bench = new();
    private readonly SafeFileHandle _terminal;
    private readonly MuxChardev _mux;
    private readonly CollectingFrontEnd _first;
    private readonly CollectingFrontEnd _second;
    private readonly ManualResetEventSlim _exit = new();

    public MuxChardevTests()
    {
        (_terminal, _mux) = New(_bench.Loop);
        _first = new CollectingFrontEnd(_mux.AddPort(takesFocus: true));
        _second = new CollectingFrontEnd(_mux.AddPort(takesFocus: true));
        _mux.Open();
        _mux.Start();
    }

    public void Dispose()
    {
        _terminal.Dispose();
        _bench.Dispose();
        _exit.Dispose();
    }

    [Test]
    public void What_is_typed_goes_to_the_last_device_until_the_focus_is_moved()
    {
        Type($"second{Escape}cfirst{Escape}cagain");

        Assert.That(Text(_second), Is.EqualTo("secondagain"));
        Assert.That(Text(_first), Is.EqualTo("first"));
    }

    [Test]
    public void What_any_front_end_writes_comes_out()
    {
        _first.WriteAll("from the first, "u8);
        _second.WriteAll("from the second"u8);

        Assert.That(Shown(), Is.EqualTo("from the first, from the second"));
        Assert.That((_mux.FileName, _mux.FrontendOpen), Is.EqualTo(("mux", true)));
    }

    [Test]
    public void The_escape_key_twice_is_the_key_and_an_unknown_command_is_nothing()
    {
        Type($"a{Escape}{Escape}b{Escape}zc");

        Assert.That(Text(_second), Is.EqualTo($"a{Escape}bc"));
    }

    [Test]
    public void Help_lists_the_keys()
    {
        Type($"{Escape}h");

        Assert.That(Shown(), Does.Contain("C-a h    print this help\n\r").And.Contain("C-a c    switch between console and monitor\n\r").And.Contain("C-a C-a  sends C-a\n\r"));
    }

    [Test]
    public void A_snapshot_that_there_is_not_is_said_so()
    {
        Type($"{Escape}s");

        Assert.That(Shown(), Does.Contain("no disk is in snapshot mode: there is nothing to save"));
    }

    [Test]
    public void Exit_says_so_and_ends_the_program()
    {
        Type($"{Escape}x");

        Assert.That(_exit.Wait(Timeout));
        Assert.That(Shown(), Is.EqualTo("QEMU: Terminated\n\r"));
    }

    [Test]
    public void The_focused_front_end_gets_a_break()
    {
        var (terminal, mux) = New(_bench.Loop);
        using (terminal)
        {
            var interrupted = new BreakCounter();
            mux.AddPort(takesFocus: true).Attach(interrupted);
            mux.Open();
            mux.Start();

            SocketPair.Send(terminal, Encoding.ASCII.GetBytes($"{Escape}b"));
            Settle();
            mux.Break();

            Assert.That(interrupted.Breaks, Is.EqualTo(2));
        }
    }

    [Test]
    public void A_front_end_that_takes_nothing_leaves_the_keys_of_the_mux_alone()
    {
        _second.Allow(3);
        Type($"typed ahead{Escape}cto the first{Escape}c");

        Assert.That(Text(_second), Is.EqualTo("typ"));
        Assert.That(Text(_first), Is.EqualTo("to the first"));
        _second.Allow(100);
        Assert.That(Text(_second), Is.EqualTo("typed ahead"));
    }

    [Test]
    public void No_more_is_read_than_waits_for_a_front_end_that_takes_nothing()
    {
        _second.Allow(0);
        Type(new string('x', 1000));
        Assert.That(Text(_second), Is.Empty);

        _second.Allow(2000);

        _second.WaitFor(1000);
        Assert.That(Text(_second), Is.EqualTo(new string('x', 1000)));
    }

    [Test]
    public void Each_line_begins_with_the_time_if_that_is_switched_on()
    {
        Type($"{Escape}t");
        _second.WriteAll("one\ntwo\nthree"u8);
        Type($"{Escape}t");
        _second.WriteAll("\nfour\n"u8);

        Assert.That(Shown(), Does.Match(@"^one\n\[00:00:\d\d\.\d{3}\] two\n\[00:00:\d\d\.\d{3}\] three\nfour\n$"));
    }

    [Test]
    public void Times_are_written_whole_however_slow_the_terminal_is()
    {
        Type($"{Escape}t");
        byte[] lines = Encoding.ASCII.GetBytes(string.Concat(Enumerable.Range(0, 20_000).Select(i => $"{i}\n")));
        using var reader = new SlowReader(FileDescriptor.Duplicate(_terminal), lines.Length + (19_999 * 15));
        reader.Begin();

        _second.WriteAll(lines);

        string shown = Encoding.ASCII.GetString(reader.WaitForAll());
        Assert.That(Stamp().Replace(shown, ""), Is.EqualTo(Encoding.ASCII.GetString(lines)));
    }

    [Test]
    public void Writing_with_times_allocates_nothing()
    {
        Type($"{Escape}t");
        var port = _mux.AddPort(takesFocus: false);
        port.Write("first\n"u8);
        Shown();

        long before = GC.GetAllocatedBytesForCurrentThread();
        for (int i = 0; i < 100; i++)
        {
            port.Write("line\n"u8);
        }

        Assert.That(GC.GetAllocatedBytesForCurrentThread() - before, Is.Zero);
    }

    [Test]
    public void A_monitor_waits_for_the_focus_and_shows_its_line_again_when_it_comes_back()
    {
        using var line = new MuxMonitorLine(_mux, _bench.Loop);
        using var session = line.Connect();
        SocketPair.Send(session, "banner\r\n(qemu) "u8);
        Settle();
        Assert.That(Shown(), Is.Empty, "the console has the terminal");

        Type($"{Escape}c");
        Assert.That(Shown(), Is.EqualTo("banner\r\n(qemu) "));
    }

    [Test]
    public void What_is_typed_for_a_monitor_goes_to_its_session_and_its_answers_come_out()
    {
        using var line = new MuxMonitorLine(_mux, _bench.Loop);
        using var session = line.Connect();
        Type($"{Escape}cinfo status\r");
        Assert.That(Encoding.ASCII.GetString(SocketPair.ReceiveAll(session)), Is.EqualTo("info status\r"));

        SocketPair.Send(session, "VM status: running\r\n(qemu) "u8);
        Settle();
        Assert.That(Shown(), Is.EqualTo("VM status: running\r\n(qemu) "));
        Type($"{Escape}c");
        SocketPair.Send(session, "late"u8);
        Settle();
        Assert.That(Shown(), Is.EqualTo("\r\n"));
        Type($"{Escape}c{Escape}c");

        Assert.That(Shown(), Is.EqualTo("\r\n(qemu) late"));
    }

    [Test]
    public void A_monitor_that_leaves_leaves_the_focus_to_the_devices()
    {
        using (var line = new MuxMonitorLine(_mux, _bench.Loop))
        {
            using var session = line.Connect();
            Type($"{Escape}c");
        }

        Type("to the device");

        Assert.That(Text(_second), Is.EqualTo("to the device"));
    }

    [Test]
    public void Focus_and_what_was_typed_go_with_the_guest()
    {
        _first.Allow(2);
        Type($"{Escape}cab waits{Escape}");
        var next = NewOf(Client(_bench.Loop));
        var first = new CollectingFrontEnd(next.AddPort(takesFocus: true));
        var second = new CollectingFrontEnd(next.AddPort(takesFocus: true));

        HandOver(next);
        Type("cto the second");

        second.WaitFor("to the second".Length);
        Assert.That(Text(first), Is.EqualTo(" waits"));
        Assert.That(Text(second), Is.EqualTo("to the second"));
        Assert.That(Text(_first), Is.EqualTo("ab"));
    }

    [Test]
    public void A_guest_that_had_no_mux_gets_one()
    {
        var (near, far) = SocketPair.Create();
        using var terminal = far;
        var old = _bench.Keep(new SocketChardev("m0", _bench.Loop, new SocketChardevOptions { Descriptor = near }));
        old.Open();
        old.Start();
        var next = NewOf(Client(_bench.NewLoop()));
        var frontEnd = new CollectingFrontEnd(next.AddPort(takesFocus: true));

        ChardevBench.HandOver(old, next);
        SocketPair.Send(terminal, "typed"u8);

        frontEnd.WaitFor(5);
    }

    [TestCase(-1, 2, 0)]
    [TestCase(33, 2, 0)]
    [TestCase(0, 1, 0)]
    [TestCase(0, 3, 0)]
    [TestCase(0, 2, -1)]
    [TestCase(0, 2, 257)]
    public void State_that_it_cannot_have_is_refused(int focus, int ports, int typed)
    {
        var writer = new StateWriter();
        writer.Write(MuxState.Layout, new MuxState
        {
            Focus = focus,
            PortCount = ports,
            Ports = [.. Enumerable.Range(0, ports).Select(_ => new MuxPortState { Count = typed })],
        });

        Assert.That(() => _mux.Switch.Load(new StateReader(writer.Written.ToArray())), Throws.TypeOf<StateException>().With.Message.StartsWith("chardev-mux"));
        Type("still works");
        Assert.That(Text(_second), Is.EqualTo("still works"));
    }

    private static string Text(CollectingFrontEnd frontEnd) => Encoding.ASCII.GetString(frontEnd.Received);

    [GeneratedRegex(@"\[\d\d:\d\d:\d\d\.\d{3}\] ")]
    private static partial Regex Stamp();

    private (SafeFileHandle Terminal, MuxChardev Mux) New(EventLoop loop)
    {
        (int near, var far) = SocketPair.Create();
        return (far, NewOf(new SocketChardev("m0", loop, new SocketChardevOptions { Descriptor = near }), loop));
    }

    /// <summary>One that gets its connection from the old process.</summary>
    private SocketChardev Client(EventLoop loop) =>
        new("m0", loop, new SocketChardevOptions { Path = _bench.PathOf("s"), Reconnect = TimeSpan.FromHours(1) });

    private MuxChardev NewOf(SocketChardev backEnd, EventLoop? loop = null) => _bench.Keep(new MuxChardev(backEnd, loop ?? _bench.Loop, escape: 1, _exit.Set));

    /// <summary>Hands the line over as descriptors, the state of the back end and that of the switch.</summary>
    private void HandOver(MuxChardev next)
    {
        using var crossed = HandedOver.With([.. _mux.Export().Select(d => (d.Name, FileDescriptor.Duplicate(d.Handle)))]);
        _mux.Quiesce();
        var writer = new StateWriter();
        _mux.Save(writer);
        _mux.Switch.Save(writer);
        next.Adopt(crossed);
        var reader = new StateReader(writer.Written.ToArray());
        next.Load(reader);
        next.Switch.Load(reader);
        _mux.Release();
        next.Start();
    }

    private void Type(string text)
    {
        SocketPair.Send(_terminal, Encoding.ASCII.GetBytes(text));
        Settle();
    }

    private string Shown()
    {
        Settle();
        return Encoding.ASCII.GetString(SocketPair.ReceiveAll(_terminal));
    }

    /// <summary>Lets the loop do all it has to do now.</summary>
    private void Settle()
    {
        for (int i = 0; i < 8; i++)
        {
            _bench.Loop.Send(static _ => { }, null);
        }
    }

    private sealed class BreakCounter : IChardevFrontEnd
    {
        public int Room => 100;

        internal int Breaks { get; private set; }

        public void Receive(ReadOnlySpan<byte> bytes)
        {
        }

        public void OutputReady()
        {
        }

        public void Break() => Breaks++;
    }
}

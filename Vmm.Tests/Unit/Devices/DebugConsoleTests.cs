using System.Text;
using Vmm.Core.Buses;
using Vmm.Core.Devices.Isa.DebugConsole;
using Vmm.Core.State;

namespace Vmm.Tests.Unit.Devices;

/// <summary>The debug console and a slow reader. A guest that obeys writes no more while the port is busy.</summary>
[Parallelizable(ParallelScope.All)]
[FixtureLifeCycle(LifeCycle.InstancePerTestCase)]
public sealed class DebugConsoleTests : IDisposable
{
    private readonly ScriptedBackEnd _backEnd = new();
    private readonly StringBuilder _written = new();
    private int _woken;

    public void Dispose() => _backEnd.Dispose();

    [Test]
    public void The_port_is_busy_from_the_first_byte_that_has_no_room_until_it_has_one()
    {
        var console = Console();
        IPortDevice port = console;
        var bus = new PortBus();
        bus.Attach(console);
        Assert.That(port.IsBusy, Is.False);

        WriteUntilBusy(console);
        Assert.Multiple(() =>
        {
            Assert.That(_woken, Is.Zero);
            Assert.That(bus.IsBusy(0xe9, 1), Is.True);
            Assert.That(bus.IsBusy(0xe8, 2), Is.True, "the second byte of a word went there");
            Assert.That(bus.IsBusy(0xe8, 1), Is.False);
            Assert.That(bus.IsBusy(0xea, 4), Is.False);
        });

        Assert.That(ReadToEnd(), Is.EqualTo(_written.ToString()));
        Assert.That(port.IsBusy, Is.False);
        Assert.That(_woken, Is.EqualTo(1), "the waiter was woken once");
    }

    [Test]
    [Promise(23)]
    public void Whatever_is_written_is_read_in_its_order_however_slow_the_reader_is()
    {
        var console = Console();
        var read = new StringBuilder();
        for (int round = 0; round < 5; round++)
        {
            WriteUntilBusy(console);
            read.Append(Encoding.ASCII.GetString(_backEnd.TakeOutput()));
        }

        read.Append(Encoding.ASCII.GetString(_backEnd.TakeOutput()));
        Assert.That(read.ToString(), Is.EqualTo(_written.ToString()));
    }

    [Test]
    public void Every_vCPU_has_room_for_the_byte_that_it_has_just_written()
    {
        var console = Console();
        WriteUntilBusy(console);

        for (int cpu = 0; cpu < 255; cpu++)
        {
            Write(console);
        }

        Assert.That(ReadToEnd(), Is.EqualTo(_written.ToString()));
    }

    [Test]
    [Promise(23)]
    public void What_waits_goes_over_to_the_next_process()
    {
        var old = Console();
        WriteUntilBusy(old);
        Write(old);
        string waiting = _written.ToString()[^2..];
        using var next = new ScriptedBackEnd();

        IPortDevice successor = Handover.Of(old, new DebugConsole(0xe9, next.Chardev, static () => { }));

        Assert.That(successor.IsBusy, Is.False, "its back end has room");
        Assert.That(Encoding.ASCII.GetString(next.TakeOutput()), Is.EqualTo(waiting));
    }

    [Test]
    public void A_state_that_claims_more_than_there_is_room_for_is_refused()
    {
        var writer = new StateWriter();
        var state = new DebugConsoleState();
        state.Waiting = 4097;
        writer.Write(DebugConsoleState.Layout, state);

        Assert.That(
            () => Console().Load(new StateReader(writer.Written.ToArray())),
            Throws.TypeOf<StateException>().With.Message.EqualTo("debugcon waiting: 0 to 4096 expected, 4097 found"));
    }

    [Test]
    public void Neither_a_write_that_waits_nor_the_question_allocates()
    {
        var console = Console();
        WriteUntilBusy(console);
        IPortDevice port = console;

        Assert.That(Allocation.Of(() => _ = port.IsBusy), Is.Zero);
        Assert.That(Allocation.Of(() => console.WriteByte(0, (byte)'x')), Is.Zero);
    }

    private DebugConsole Console() => new(0xe9, _backEnd.Chardev, () => _woken++);

    private void WriteUntilBusy(DebugConsole console)
    {
        while (!console.IsBusy)
        {
            Write(console);
        }
    }

    private void Write(DebugConsole console)
    {
        char value = (char)('!' + (_written.Length % 89));
        _written.Append(value);
        console.WriteByte(0, (byte)value);
    }

    /// <summary>Takes output until no more comes: what was behind the socket's buffer follows when that has room.</summary>
    private string ReadToEnd()
    {
        var all = new StringBuilder();
        byte[] piece;
        while ((piece = _backEnd.TakeOutput()).Length > 0)
        {
            all.Append(Encoding.ASCII.GetString(piece));
        }

        return all.ToString();
    }
}

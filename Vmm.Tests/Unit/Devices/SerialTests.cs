using System.Text;
using Vmm.Core.Buses;
using Vmm.Core.Chardevs;
using Vmm.Core.Devices.Isa.Serial;

namespace Vmm.Tests.Unit.Devices;

[Parallelizable(ParallelScope.All)]
[FixtureLifeCycle(LifeCycle.InstancePerTestCase)]
public sealed class SerialTests : IDisposable
{
    private const int Data = 0x3f8;
    private const int InterruptEnable = 0x3f9;
    private const int Identification = 0x3fa;
    private const int FifoControl = 0x3fa;
    private const int LineControl = 0x3fb;
    private const int ModemControl = 0x3fc;
    private const int LineStatus = 0x3fd;
    private const int ModemStatus = 0x3fe;
    private const int Scratch = 0x3ff;

    private const byte Idle = 0x60;
    private const byte DataReady = 0x01;

    private readonly ScriptedBackEnd _backEnd = new();
    private readonly RecordedLine _line = new();
    private readonly RecordedTimer _timer = new();
    private readonly PortBus _bus = new();
    private readonly Serial _serial;

    public SerialTests()
    {
        _serial = new Serial(0x3f8, _line, _backEnd.Chardev, _timer);
        _serial.Resume();
        _bus.Attach(_serial);
    }

    public void Dispose() => _backEnd.Dispose();

    [Test]
    public void A_break_is_a_zero_byte_with_its_mark_and_an_interrupt()
    {
        Out(InterruptEnable, 0x04);
        _backEnd.Chardev.Break();

        Assert.That(_line.Level, Is.True);
        Assert.That(In(Identification) & 0x0f, Is.EqualTo(0x06), "line status");
        Assert.That(In(LineStatus), Is.EqualTo(Idle | DataReady | 0x10));
        Assert.That(In(Data), Is.Zero);
        Assert.That(In(LineStatus), Is.EqualTo(Idle), "read once");
        Assert.That(_line.Level, Is.False);
    }

    [Test]
    public void What_a_polling_guest_writes_comes_out()
    {
        foreach (byte value in "hello\r\n"u8)
        {
            while ((In(LineStatus) & 0x20) == 0)
            {
            }

            Out(Data, value);
        }

        Assert.That(Encoding.ASCII.GetString(_backEnd.TakeOutput()), Is.EqualTo("hello\r\n"));
    }

    [Test]
    public void What_is_typed_comes_in_one_byte_at_a_time_without_fifo()
    {
        _backEnd.Type("abc"u8);
        var got = new StringBuilder();
        for (int i = 0; i < 3; i++)
        {
            Assert.That(In(LineStatus) & DataReady, Is.EqualTo(DataReady));
            got.Append((char)In(Data));
            _backEnd.Settle();
        }

        Assert.That(got.ToString(), Is.EqualTo("abc"));
        Assert.That(In(LineStatus), Is.EqualTo(Idle));
    }

    [Test]
    public void More_than_the_fifo_holds_waits_outside_and_is_not_overrun()
    {
        Out(FifoControl, 0x01);
        byte[] typed = [.. Enumerable.Range(0, 100).Select(i => (byte)i)];
        _backEnd.Type(typed);
        var got = new List<byte>();
        while ((In(LineStatus) & DataReady) != 0)
        {
            got.Add(In(Data));
            _backEnd.Settle();
        }

        Assert.That(got, Is.EqualTo(typed));
    }

    [Test]
    public void The_chip_is_found_to_be_a_16550A_as_Linux_looks_for_it()
    {
        // Scratch interrupt-enable, as autoconfig does.
        Out(InterruptEnable, 0);
        Assert.That(In(InterruptEnable) & 0x0f, Is.Zero);
        Out(InterruptEnable, 0x0f);
        Assert.That(In(InterruptEnable) & 0x0f, Is.EqualTo(0x0f));
        Out(InterruptEnable, 0);

        // Loopback: RTS and OUT2 come back as CTS and DCD.
        Out(ModemControl, 0x1a);
        Assert.That(In(ModemStatus) & 0xf0, Is.EqualTo(0x90));
        Out(ModemControl, 0);

        // FIFO enabled: both high bits, which distinguishes a 16550A from its ancestors.
        Out(LineControl, 0xbf);
        Out(FifoControl, 0);
        Out(LineControl, 0);
        Out(FifoControl, 1);
        Assert.That(In(Identification) >> 6, Is.EqualTo(3));
    }

    [Test]
    public void Linux_startup_finds_the_transmit_interrupt_sound()
    {
        Out(FifoControl, 0x07);
        Out(FifoControl, 0);
        Out(LineControl, 0x03);

        // Enabling the interrupt on an empty transmitter raises it, each time it is enabled.
        for (int i = 0; i < 2; i++)
        {
            Out(InterruptEnable, 0x02);
            Assert.That(_line.Level, Is.True);
            Assert.That(In(Identification) & 0x0f, Is.EqualTo(0x02));
            Assert.That(_line.Level, Is.False, "reading the identification acknowledges");
            Assert.That(In(Identification) & 0x0f, Is.EqualTo(0x01));
            Out(InterruptEnable, 0);
        }
    }

    [Test]
    public void Each_byte_written_raises_the_transmit_interrupt_anew()
    {
        Out(FifoControl, 0x01);
        Out(InterruptEnable, 0x02);
        In(Identification);
        int before = _line.Rises;

        Out(Data, 'x');

        Assert.That(_line.Rises, Is.EqualTo(before + 1));
    }

    [TestCase(0x01, 1)]
    [TestCase(0x41, 4)]
    [TestCase(0x81, 8)]
    [TestCase(0xc1, 14)]
    public void Received_data_is_due_at_the_trigger_level_and_a_time_out_below_it(int control, int level)
    {
        Out(FifoControl, control);
        Out(InterruptEnable, 0x01);
        _backEnd.Type(new byte[level]);
        Assert.That(In(Identification) & 0x0f, Is.EqualTo(0x04));
        for (int left = level - 1; left > 0; left--)
        {
            In(Data);
            Assert.That(In(Identification) & 0x0f, Is.EqualTo(0x0c), $"{left} left");
            Assert.That(_line.Level, Is.True);
        }

        In(Data);
        Assert.That(_line.Level, Is.False);
    }

    [Test]
    public void The_most_urgent_cause_is_named_first()
    {
        Out(ModemControl, 0x10);
        In(ModemStatus);
        Out(InterruptEnable, 0x0f);
        Out(ModemControl, 0x12);
        Out(Data, 'a');
        Out(Data, 'b');
        var causes = new List<int>();

        causes.Add(In(Identification));
        In(LineStatus);
        causes.Add(In(Identification));
        In(Data);
        causes.Add(In(Identification));
        causes.Add(In(Identification));
        In(ModemStatus);
        causes.Add(In(Identification));

        Assert.That(causes, Is.EqualTo(new[] { 0x06, 0x04, 0x02, 0x00, 0x01 }));
        Assert.That(_line.Level, Is.False);
    }

    [Test]
    public void An_overrun_in_loopback_is_reported_once()
    {
        Out(ModemControl, 0x10);
        Out(Data, 'a');
        Out(Data, 'b');

        Assert.That(In(LineStatus) & 0x02, Is.EqualTo(0x02));
        Assert.That(In(LineStatus) & 0x02, Is.Zero);
        Assert.That(In(Data), Is.EqualTo('a'));
        Assert.That(_backEnd.TakeOutput(), Is.Empty, "loopback reaches no reader");
    }

    [Test]
    public void The_ring_line_counts_when_it_ends()
    {
        Out(ModemControl, 0x10);
        In(ModemStatus);
        Out(ModemControl, 0x14);
        Assert.That(In(ModemStatus), Is.EqualTo(0x40));
        Out(ModemControl, 0x10);
        Assert.That(In(ModemStatus), Is.EqualTo(0x04));
        Assert.That(In(ModemStatus), Is.Zero);
    }

    [Test]
    public void Divisor_and_scratch_read_as_written_and_the_divisor_hides_behind_its_bit()
    {
        Out(LineControl, 0x83);
        Out(Data, 0x34);
        Out(InterruptEnable, 0x12);
        Assert.That(In(Data) | (In(InterruptEnable) << 8), Is.EqualTo(0x1234));
        Out(LineControl, 0x03);
        Out(Scratch, 0xa5);

        Assert.That(In(Scratch), Is.EqualTo(0xa5));
        Assert.That(In(InterruptEnable), Is.Zero);
        Assert.That(_backEnd.TakeOutput(), Is.Empty);
    }

    [Test]
    public void A_reader_that_stops_reading_makes_the_guest_wait_and_loses_nothing()
    {
        Out(FifoControl, 0x01);
        int written = 0;
        while ((In(LineStatus) & 0x20) != 0)
        {
            Out(Data, (byte)(written++ % 251));
        }

        Assert.That(_line.Level, Is.False);
        Out(InterruptEnable, 0x02);
        Assert.That(_line.Level, Is.False, "the transmitter is not empty");

        var got = new List<byte>(_backEnd.TakeOutput());
        while (got.Count < written)
        {
            got.AddRange(_backEnd.TakeOutput());
        }

        Assert.That(got, Is.EqualTo(Enumerable.Range(0, written).Select(i => (byte)(i % 251))));
        Assert.That(In(LineStatus), Is.EqualTo(Idle));
        Assert.That(_line.Level, Is.True, "and the guest gets the interrupt to continue");
    }

    [Test]
    public void Everything_survives_a_handover()
    {
        Out(FifoControl, 0x41);
        Out(LineControl, 0x83);
        Out(Data, 0x01);
        Out(LineControl, 0x03);
        Out(InterruptEnable, 0x05);
        Out(ModemControl, 0x0b);
        Out(Scratch, 0x77);
        _backEnd.Type("typed"u8);
        using var nextBackEnd = new ScriptedBackEnd();
        var nextLine = new RecordedLine();

        var next = Handover.Of(_serial, to: new Serial(0x3f8, nextLine, nextBackEnd.Chardev, _timer));

        Assert.That(nextLine.Level, Is.True, "received data is due in the next process too");
        Assert.That(next.ReadByte(7), Is.EqualTo(0x77));
        Assert.That(next.ReadByte(4), Is.EqualTo(0x0b));
        Assert.That(next.ReadByte(2), Is.EqualTo(0xc4));
        Assert.That(Enumerable.Range(0, 5).Select(_ => (char)next.ReadByte(0)), Is.EqualTo("typed"));
        Assert.That(nextLine.Level, Is.False);
        next.WriteByte(3, 0x83);
        Assert.That(next.ReadByte(0), Is.EqualTo(0x01));
    }

    [Test]
    public void A_fifo_that_claims_too_many_bytes_is_refused()
    {
        _backEnd.Type("x"u8);
        var writer = new Vmm.Core.State.StateWriter();
        _serial.Save(writer);
        byte[] bytes = writer.Written.ToArray();
        int count = bytes.AsSpan().IndexOf("serial/recv_fifo"u8) + "serial/recv_fifo".Length + 4;
        bytes[count] = 17;

        Assert.That(
            () => _serial.Load(new Vmm.Core.State.StateReader(bytes)),
            Throws.TypeOf<Vmm.Core.State.StateException>().With.Message.Contains("17 found"));
    }

    [Test]
    public void A_reset_is_complete_and_lowers_the_line()
    {
        Out(FifoControl, 0x01);
        Out(InterruptEnable, 0x03);
        Out(Scratch, 1);
        _serial.Reset();

        Assert.That(_line.Level, Is.False);
        Assert.That(
            Enumerable.Range(Data + 1, 7).Select(In),
            Is.EqualTo(new byte[] { 0, 1, 0, 0, 0x60, 0xb0, 0 }));
    }

    [Test]
    public void Construction_drives_no_wire_and_says_nothing()
    {
        Assert.That(_line.Calls, Is.Zero);
        Assert.That(_backEnd.TakeOutput(), Is.Empty);
    }

    [Test]
    public void Accesses_allocate_nothing()
    {
        Out(FifoControl, 0x01);
        Out(InterruptEnable, 0x0f);

        Assert.That(
            Allocation.Of(() =>
            {
                Out(Data, 'x');
                In(LineStatus);
                In(Identification);
                In(ModemStatus);
            }),
            Is.Zero);
    }

    [Test]
    public void Two_front_ends_cannot_share_a_back_end() => Assert.That(
        () => new Serial(0x2f8, _line, _backEnd.Chardev, _timer),
        Throws.InvalidOperationException.With.Message.EqualTo("Device 'serial0' is in use"));

    private byte In(int port) => (byte)_bus.Read((ushort)port, 1);

    private void Out(int port, int value) => _bus.Write((ushort)port, 1, (uint)value);
}

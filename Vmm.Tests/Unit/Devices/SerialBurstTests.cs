using System.Globalization;
using System.Text;
using Vmm.Core.Buses;
using Vmm.Core.Devices.Clock;
using Vmm.Core.Devices.Isa.Serial;
using Vmm.Lab.Drivers;

namespace Vmm.Tests.Unit.Devices;

/// <summary>A guest that prints in bulk, by interrupts: not too much goes into one, and nothing is lost or left behind.</summary>
[Parallelizable(ParallelScope.All)]
[FixtureLifeCycle(LifeCycle.InstancePerTestCase)]
public sealed class SerialBurstTests : IDisposable
{
    private const int Fifo = 16;
    private const int MostInOneInterrupt = 2 * Fifo;

    private const int Data = 0x3f8;
    private const int InterruptEnable = 0x3f9;
    private const int Identification = 0x3fa;
    private const int FifoControl = 0x3fa;
    private const int ModemControl = 0x3fc;
    private const int LineStatus = 0x3fd;

    private const byte Idle = 0x60;
    private const byte NoInterrupt = 0x01;
    private const byte TransmitInterrupt = 0x02;

    private static readonly byte[] Text = Encoding.ASCII.GetBytes(
        string.Concat(Enumerable.Range(0, 200).Select(line => line.ToString("d4", CultureInfo.InvariantCulture) + "\n")));

    private readonly ScriptedBackEnd _backEnd = new();
    private readonly RecordedLine _line = new();
    private readonly RecordedTimer _timer = new();
    private readonly PortBus _bus = new();
    private readonly Serial _serial;
    private readonly LinuxSerialDriver _driver;

    public SerialBurstTests()
    {
        _serial = new Serial(0x3f8, _line, _backEnd.Chardev, _timer);
        _serial.Resume();
        _bus.Attach(_serial);
        _driver = new LinuxSerialDriver(_bus);
        Out(FifoControl, 0x01);
    }

    public void Dispose() => _backEnd.Dispose();

    [TestCase(0x01, 16)]
    [TestCase(0x00, 1)]
    [Promise(50)]
    public void At_most_two_fifos_go_into_one_interrupt(int fifoControl, int load)
    {
        Out(FifoControl, fifoControl);
        var driver = new LinuxSerialDriver(_bus, load);
        driver.Print(Text);
        var printed = new List<byte>();
        while (driver.Left > 0)
        {
            Assert.That(_line.Level, Is.True, "the interrupt is due");
            Assert.That(driver.Interrupt(), Is.InRange(1, MostInOneInterrupt));
            FireTimer();
            printed.AddRange(_backEnd.TakeOutput());
        }

        Assert.That(printed, Is.EqualTo(Text));
    }

    [Test]
    [Promise(50)]
    public void The_loop_does_not_prolong_an_interrupt_however_fast_it_is()
    {
        using var line = new WaitableLine();
        var bus = new PortBus();
        using var backEnd = new ScriptedBackEnd();
        var serial = new Serial(0x3f8, line, backEnd.Chardev, new LoopWithoutTime(backEnd.Loop));
        serial.Resume();
        bus.Attach(serial);
        bus.Write(FifoControl, 1, 0x01);
        var driver = new LinuxSerialDriver(bus) { Accessed = _ => backEnd.Settle() };
        driver.Print(Text);
        var printed = new List<byte>();
        while (driver.Left > 0)
        {
            Assert.That(line.WaitForRise(Timeouts.Answer), Is.True, "the interrupt comes");
            Assert.That(driver.Interrupt(), Is.LessThanOrEqualTo(MostInOneInterrupt));
            printed.AddRange(backEnd.TakeOutput());
        }

        printed.AddRange(backEnd.TakeOutput());
        Assert.That(printed, Is.EqualTo(Text));
    }

    [TestCase(0)]
    [TestCase(7)]
    [TestCase(16)]
    [Promise(50)]
    public void An_update_in_an_interrupt_neither_prolongs_it_nor_loses_a_byte(int sentBefore)
    {
        for (int at = 0; at <= MostInOneInterrupt; at++)
        {
            using var oldEnd = new ScriptedBackEnd();
            using var newEnd = new ScriptedBackEnd();
            var (oldTimer, newTimer) = (new RecordedTimer(), new RecordedTimer());
            var (oldLine, newLine) = (new RecordedLine(), new RecordedLine());
            var (oldBus, newBus) = (new PortBus(), new PortBus());
            var old = new Serial(0x3f8, oldLine, oldEnd.Chardev, oldTimer);
            old.Resume();
            oldBus.Attach(old);
            oldBus.Write(FifoControl, 1, 0x01);
            var driver = new LinuxSerialDriver(oldBus);
            driver.Print(Text.AsSpan(0, sentBefore));
            driver.Interrupt();
            Serial? successor = null;
            driver.Accessed = written =>
            {
                if (written >= at && successor is null)
                {
                    old.Quiesce();
                    successor = Handover.Of(old, to: new Serial(0x3f8, newLine, newEnd.Chardev, newTimer));
                    successor.Resume();
                    newBus.Attach(successor);
                    driver.Bus = newBus;
                }
            };

            driver.Print(Text.AsSpan(sentBefore));
            var printed = new List<byte>();
            while (driver.Left > 0)
            {
                var (line, timer) = successor is null ? (oldLine, oldTimer) : (newLine, newTimer);
                Assert.That(line.Level, Is.True, $"the interrupt is due; update after {at} bytes");
                Assert.That(driver.Interrupt(), Is.LessThanOrEqualTo(MostInOneInterrupt), $"update after {at} bytes");
                (line, timer) = successor is null ? (oldLine, oldTimer) : (newLine, newTimer);
                FireIfArmed(timer);
                printed.AddRange((byte[])[.. oldEnd.TakeOutput(), .. newEnd.TakeOutput()]);
            }

            Assert.That(printed, Is.EqualTo(Text), $"update after {at} bytes of an interrupt");
        }
    }

    [Test]
    public void A_handler_that_does_not_ask_again_gets_the_next_interrupt_in_a_fifos_time()
    {
        Out(InterruptEnable, 0x02);
        Assert.That(In(Identification) & 0x0f, Is.EqualTo(TransmitInterrupt));
        WriteFifo();
        Assert.That((In(LineStatus), _line.Level), Is.EqualTo(((byte)0, false)));

        Assert.That(_timer.Delay, Is.EqualTo(TimeSpan.FromMilliseconds(2)));
        _timer.Fire();

        Assert.That((In(LineStatus), _line.Level), Is.EqualTo((Idle, true)));
        Assert.That(_backEnd.TakeOutput(), Has.Length.EqualTo(Fifo));
    }

    [Test]
    public void A_guest_that_polls_waits_for_no_loop()
    {
        for (int i = 0; i < 10 * Fifo; i++)
        {
            Assert.That(In(LineStatus), Is.EqualTo(Idle));
            Out(Data, i);
        }

        Assert.That(_timer.Delay, Is.Null);
        Assert.That(_backEnd.TakeOutput(), Has.Length.EqualTo(10 * Fifo));
    }

    [Test]
    public void Disabling_the_interrupt_sends_what_waits_and_enabling_it_raises_it()
    {
        Out(InterruptEnable, 0x02);
        WriteFifo();
        Out(InterruptEnable, 0);
        Assert.That(In(LineStatus), Is.EqualTo(Idle));
        Assert.That(_line.Level, Is.False);

        Out(InterruptEnable, 0x02);

        Assert.That(_line.Level, Is.True);
        Assert.That(_backEnd.TakeOutput(), Has.Length.EqualTo(Fifo));
    }

    [Test]
    public void Clearing_the_fifo_ends_the_wait()
    {
        Out(InterruptEnable, 0x02);
        WriteFifo();
        Out(FifoControl, 0x05);

        Assert.That((In(LineStatus), _line.Level), Is.EqualTo((Idle, true)));
        Assert.That(_backEnd.TakeOutput(), Has.Length.EqualTo(Fifo), "as far as the guest can see, it was sent before");
    }

    [Test]
    public void In_loopback_what_waits_is_still_sent()
    {
        Out(InterruptEnable, 0x02);
        WriteFifo();
        Out(ModemControl, 0x10);
        _timer.Fire();

        Assert.That((In(LineStatus), _line.Level), Is.EqualTo((Idle, true)));
        Assert.That(_backEnd.TakeOutput(), Has.Length.EqualTo(Fifo));
    }

    [Test]
    public void A_reset_loses_nothing_that_was_written()
    {
        Out(InterruptEnable, 0x02);
        WriteFifo();
        _serial.Reset();

        Assert.That((In(LineStatus), _line.Level), Is.EqualTo((Idle, false)));
        Assert.That(_backEnd.TakeOutput(), Has.Length.EqualTo(Fifo));
    }

    [Test]
    public void What_waits_at_the_end_of_the_process_is_sent()
    {
        Out(InterruptEnable, 0x02);
        WriteFifo();
        _serial.Flush();

        Assert.That(_backEnd.TakeOutput(), Has.Length.EqualTo(Fifo));
    }

    [Test]
    public void While_it_is_quiesced_the_loop_sends_nothing_and_afterwards_it_continues()
    {
        Out(InterruptEnable, 0x02);
        WriteFifo();
        _serial.Quiesce();
        _timer.Fire();
        Assert.That((In(Identification), _line.Level), Is.EqualTo(((byte)(0xc0 | NoInterrupt), false)));
        Assert.That(_timer.Delay, Is.Null);

        _serial.Resume();
        _timer.Fire();

        Assert.That((In(LineStatus), _line.Level), Is.EqualTo((Idle, true)));
        Assert.That(_backEnd.TakeOutput(), Has.Length.EqualTo(Fifo));
    }

    [Test]
    public void A_guest_that_arrives_while_its_reader_sleeps_continues_when_the_reader_wakes()
    {
        int written = FillBackEnd();
        var next = SerialOrderTests.Successor(_serial, _backEnd, _line, _timer);
        next.WriteByte(1, 0x02);
        FireTimer();
        Assert.That(_line.Level, Is.False, "there are bytes in the FIFO");

        int read = 0;
        while (_backEnd.TakeOutput() is { Length: > 0 } output)
        {
            read += output.Length;
        }

        Assert.That(_line.Level, Is.True);
        Assert.That(read, Is.EqualTo(written));
    }

    [Test]
    public void Bursts_allocate_nothing_on_the_vcpus_thread()
    {
        using var backEnd = new ScriptedBackEnd();
        var serial = new Serial(0x3f8, _line, backEnd.Chardev, new LoopDeviceTimer(backEnd.Loop));
        serial.Resume();
        serial.WriteByte(2, 0x01);
        serial.WriteByte(1, 0x02);

        // A lock makes an event when it is waited for the first time, and then never again.
        long[] allocated = [.. Enumerable.Range(0, 3).Select(_ => Allocation.Of(Burst))];

        Assert.That(allocated, Has.Some.EqualTo(0));

        void Burst()
        {
            for (int i = 0; i < Fifo; i++)
            {
                serial.WriteByte(0, 0x55);
            }

            serial.ReadByte(2);
            serial.ReadByte(5);
        }
    }

    private static void FireIfArmed(RecordedTimer timer)
    {
        if (timer.Delay is not null)
        {
            timer.Fire();
        }
    }

    private int FillBackEnd()
    {
        int written = 0;
        while ((In(LineStatus) & 0x20) != 0)
        {
            Out(Data, written++ % 251);
        }

        return written;
    }

    private void WriteFifo()
    {
        for (int i = 0; i < Fifo; i++)
        {
            Out(Data, i);
        }
    }

    private void FireTimer() => FireIfArmed(_timer);

    private byte In(int port) => (byte)_bus.Read((ushort)port, 1);

    private void Out(int port, int value) => _bus.Write((ushort)port, 1, (uint)value);

    /// <summary>An interrupt wire whose rises can be waited for.</summary>
    private sealed class WaitableLine : IInterruptLine, IDisposable
    {
        private readonly SemaphoreSlim _rises = new(0);

        public void Set(bool level)
        {
            if (level)
            {
                _rises.Release();
            }
        }

        public void Dispose() => _rises.Dispose();

        internal bool WaitForRise(TimeSpan timeout) => _rises.Wait(timeout);
    }

    /// <summary>
    /// A loop that does at once what it is asked to do at once, and nothing that is to wait: the guest of a busy host is in its handler longer
    /// than a real line would need for a FIFO.
    /// </summary>
    private sealed class LoopWithoutTime(Vmm.Core.Loop.EventLoop loop) : IDeviceTimer
    {
        private readonly LoopDeviceTimer _timer = new(loop);

        public void Arm(TimeSpan delay, Action elapsed)
        {
            if (delay == TimeSpan.Zero)
            {
                _timer.Arm(delay, elapsed);
            }
        }

        public void Disarm() => _timer.Disarm();
    }
}

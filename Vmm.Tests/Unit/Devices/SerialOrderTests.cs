using Vmm.Core.Devices.Isa.Serial;

namespace Vmm.Tests.Unit.Devices;

/// <summary>Events of a serial port in random order: of the guest, of the loop, of the reader, and updates.</summary>
[Parallelizable(ParallelScope.All)]
public sealed class SerialOrderTests
{
    private const int Rounds = 100;
    private const int Steps = 200;
    private const byte Idle = 0x60;
    private const byte HoldingEmpty = 0x20;
    private const byte Loopback = 0x10;
    private const byte TransmitInterrupt = 0x02;
    private const int Data = 0;
    private const int InterruptEnable = 1;
    private const int Identification = 2;
    private const int FifoControl = 2;
    private const int ModemControl = 4;
    private const int LineStatus = 5;

    [TestCase(1)]
    [TestCase(2)]
    [TestCase(3)]
    [TestCase(4)]
    public void No_order_loses_a_byte_or_an_interrupt(int seed)
    {
        var random = new Random(seed);
        for (int round = 0; round < Rounds; round++)
        {
            using var backEnd = new ScriptedBackEnd();
            var line = new RecordedLine();
            var timer = new RecordedTimer();
            var serial = new Serial(0x3f8, line, backEnd.Chardev, timer);
            serial.Resume();
            for (int step = 0; step < Steps; step++)
            {
                serial = Step(random, serial, backEnd, line, timer);
            }

            backEnd.Chardev.Resume();
            serial.Resume();
            serial.WriteByte(ModemControl, 0);
            serial.WriteByte(InterruptEnable, TransmitInterrupt);
            for (int i = 0; i < 2; i++)
            {
                FireIfArmed(timer);
                while (backEnd.TakeOutput().Length > 0)
                {
                }
            }

            Assert.That(serial.ReadByte(LineStatus) & Idle, Is.EqualTo(Idle), $"round {round}");
            serial.WriteByte(Data, 1);
            FireIfArmed(timer);
            Assert.That(line.Level, Is.True, $"round {round}");
        }
    }

    /// <summary>The state crosses to a new port on the same back end and wire.</summary>
    internal static Serial Successor(Serial old, ScriptedBackEnd backEnd, RecordedLine line, RecordedTimer timer)
    {
        backEnd.Chardev.Detach();
        var next = Handover.Of(old, to: new Serial(0x3f8, line, backEnd.Chardev, timer));
        next.Resume();
        return next;
    }

    /// <returns>The port that has the guest afterwards.</returns>
    private static Serial Step(Random random, Serial serial, ScriptedBackEnd backEnd, RecordedLine line, RecordedTimer timer)
    {
        switch (random.Next(12))
        {
            case 0:
                serial.WriteByte(InterruptEnable, (byte)(random.Next(2) * TransmitInterrupt));
                break;
            case 1:
                serial.WriteByte(FifoControl, (byte)random.Next(8));
                break;
            case 2:
                serial.WriteByte(ModemControl, random.Next(4) == 0 ? Loopback : (byte)0);
                break;
            case 3:
                serial.ReadByte(Identification);
                break;
            case 4:
                FireIfArmed(timer);
                break;
            case 5:
                serial.Quiesce();
                backEnd.Chardev.Quiesce();
                break;
            case 6:
                backEnd.Chardev.Resume();
                serial.Resume();
                break;
            case 7 when random.Next(10) == 0:
                backEnd.TakeOutput();
                break;
            case 8 when random.Next(10) == 0:
                serial.Quiesce();
                return Successor(serial, backEnd, line, timer);
            case 9 when random.Next(20) == 0:
                FillBackEnd(serial);
                break;
            default:
                serial.WriteByte(Data, 0x55);
                break;
        }

        return serial;
    }

    private static void FillBackEnd(Serial serial)
    {
        serial.WriteByte(InterruptEnable, 0);
        serial.WriteByte(ModemControl, 0);
        while ((serial.ReadByte(LineStatus) & HoldingEmpty) != 0)
        {
            serial.WriteByte(Data, 0x55);
        }
    }

    private static void FireIfArmed(RecordedTimer timer)
    {
        if (timer.Delay is not null)
        {
            timer.Fire();
        }
    }
}

namespace Vmm.Core.Devices.Isa.Cmos;

/// <summary>Register numbers and bits of the MC146818A and of what PC firmware keeps beside it.</summary>
public static class CmosRegisters
{
    /// <summary>First of the two ports: index, then data.</summary>
    public const ushort IndexPort = 0x70;

    internal const byte Second = 0x00;
    internal const byte AlarmSecond = 0x01;
    internal const byte Minute = 0x02;
    internal const byte AlarmMinute = 0x03;
    internal const byte Hour = 0x04;
    internal const byte AlarmHour = 0x05;
    internal const byte Weekday = 0x06;
    internal const byte Day = 0x07;
    internal const byte Month = 0x08;
    internal const byte Year = 0x09;
    internal const byte Century = 0x32;

    internal const byte StatusA = 0x0a;
    internal const byte StatusB = 0x0b;
    internal const byte StatusC = 0x0c;
    internal const byte StatusD = 0x0d;

    /// <summary>Status A: the time changes within 244 µs.</summary>
    internal const byte UpdateInProgress = 0x80;

    /// <summary>Status A: the divider bits; from 3 on the clock is stopped.</summary>
    internal const byte DividerMask = 0x70;
    internal const byte DividerLastRunning = 0x20;

    /// <summary>Status A: the periodic rate, 0 for none.</summary>
    internal const byte RateMask = 0x0f;

    /// <summary>Status A after power-on: a 32,768 Hz crystal, 1,024 Hz periodic rate.</summary>
    internal const byte StatusADefault = 0x26;

    /// <summary>Status B: the guest is setting the time.</summary>
    internal const byte SetTime = 0x80;
    internal const byte Binary = 0x04;
    internal const byte Hours24 = 0x02;

    /// <summary>Status B, which enables their interrupts, and status C, which reports them: the three kinds of events.</summary>
    internal const byte PeriodicFlag = 0x40;
    internal const byte AlarmFlag = 0x20;
    internal const byte UpdateFlag = 0x10;
    internal const byte EventFlags = PeriodicFlag | AlarmFlag | UpdateFlag;

    /// <summary>Status C: an event has happened whose interrupt is enabled.</summary>
    internal const byte InterruptRequest = 0x80;

    /// <summary>An alarm register with both of these bits agrees with every time.</summary>
    internal const byte AlarmAny = 0xc0;

    /// <summary>The ISA interrupt of the clock.</summary>
    public const int Interrupt = 8;

    /// <summary>Status D: the battery is good.</summary>
    internal const byte ValidRam = 0x80;

    internal const byte PostMeridiem = 0x80;

    internal const byte BaseMemoryLow = 0x15;
    internal const byte ExtendedMemoryLow = 0x17;
    internal const byte ExtendedMemoryCopyLow = 0x30;
    internal const byte MemoryAbove16MLow = 0x34;
    internal const byte MemoryAbove4GLow = 0x5b;
}

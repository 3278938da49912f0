// The time registers and the instant they stand for.
//
// Two bits of status B choose how the registers are written: numbers in BCD or binary, hours of 24 or of 12 with the
// highest bit for p.m. A guest may write nonsense; what is no date decodes to null.

using static Vmm.Core.Devices.Isa.Cmos.CmosRegisters;

namespace Vmm.Core.Devices.Isa.Cmos;

/// <summary>Encodes and decodes the time registers.</summary>
internal static class CmosTime
{
    /// <summary>Whether <paramref name="register"/> gives the time rather than holding a byte.</summary>
    internal static bool Covers(byte register) =>
        register is Second or Minute or Hour or Weekday or Day or Month or Year or Century;

    /// <summary>The value of a time register at <paramref name="now"/>.</summary>
    internal static byte Read(byte register, byte statusB, DateTime now) => register switch
    {
        Second => Encode(now.Second, statusB),
        Minute => Encode(now.Minute, statusB),
        Hour => ReadHour(now.Hour, statusB),
        Weekday => Encode((int)now.DayOfWeek + 1, statusB),
        Day => Encode(now.Day, statusB),
        Month => Encode(now.Month, statusB),
        Year => Encode(now.Year % 100, statusB),
        _ => Encode(now.Year / 100, statusB),
    };

    /// <summary>The instant that the registers stand for; the day of the week is not looked at.</summary>
    internal static DateTime? Decode(ReadOnlySpan<byte> registers, byte statusB)
    {
        int year = (Decode(registers[Century], statusB) * 100) + Decode(registers[Year], statusB);
        int month = Decode(registers[Month], statusB);
        int day = Decode(registers[Day], statusB);
        int hour = DecodeHour(registers[Hour], statusB);
        int minute = Decode(registers[Minute], statusB);
        int second = Decode(registers[Second], statusB);
        bool valid = year is >= 1 and <= 9998 && month is >= 1 and <= 12 && hour < 24 && minute < 60 && second < 60
            && day >= 1 && day <= DateTime.DaysInMonth(year, month);
        return valid ? new DateTime(year, month, day, hour, minute, second, DateTimeKind.Utc) : null;
    }

    /// <summary>Whether the alarm registers agree with any time at all.</summary>
    internal static bool CanBeAlarm(ReadOnlySpan<byte> registers, byte statusB) =>
        (IsAny(registers[AlarmHour]) || DecodeHour(registers[AlarmHour], statusB) < 24)
        && (IsAny(registers[AlarmMinute]) || Decode(registers[AlarmMinute], statusB) < 60)
        && (IsAny(registers[AlarmSecond]) || Decode(registers[AlarmSecond], statusB) < 60);

    /// <summary>Whether a minute or second is the one of an alarm register.</summary>
    internal static bool IsAlarm(byte register, byte statusB, int value) => IsAny(register) || Decode(register, statusB) == value;

    /// <summary>Whether an hour, 0 to 23, is the one of the alarm register.</summary>
    internal static bool IsAlarmHour(byte register, byte statusB, int hour) => IsAny(register) || DecodeHour(register, statusB) == hour;

    private static bool IsAny(byte register) => (register & AlarmAny) == AlarmAny;

    private static byte ReadHour(int hour, byte statusB)
    {
        if ((statusB & Hours24) != 0)
        {
            return Encode(hour, statusB);
        }

        int of12 = hour % 12 == 0 ? 12 : hour % 12;
        return (byte)(Encode(of12, statusB) | (hour >= 12 ? PostMeridiem : 0));
    }

    private static int DecodeHour(byte value, byte statusB)
    {
        if ((statusB & Hours24) != 0)
        {
            return Decode(value, statusB);
        }

        int of12 = Decode((byte)(value & ~PostMeridiem), statusB) % 12;
        return (value & PostMeridiem) != 0 ? of12 + 12 : of12;
    }

    private static byte Encode(int value, byte statusB) =>
        (byte)((statusB & Binary) != 0 ? value : ((value / 10) << 4) | (value % 10));

    private static int Decode(byte value, byte statusB) =>
        (statusB & Binary) != 0 ? value : ((value >> 4) * 10) + (value & 0xf);
}

// When the clock has an event: the second changes, the alarm's time comes, the periodic rate ticks.
//
// Nothing is remembered but the instant up to which events were noticed: what happened since then follows from the registers,
// and so does what comes next. Instants are the guest's, in units of 100 ns.

using static Vmm.Core.Devices.Isa.Cmos.CmosRegisters;

namespace Vmm.Core.Devices.Isa.Cmos;

/// <summary>Computes the clock's events from its registers.</summary>
internal static class CmosEvents
{
    private const long Second = TimeSpan.TicksPerSecond;
    private const long Day = TimeSpan.TicksPerDay;
    private const long CrystalFrequency = 32_768;
    private const int SlowRates = 7;

    /// <summary>The flags of the events after one instant, up to and including a later one.</summary>
    internal static byte Between(ReadOnlySpan<byte> registers, long after, long until)
    {
        int flags = 0;
        if (until / Second > after / Second)
        {
            flags |= UpdateFlag;
        }

        if (NextAlarm(registers, after) <= until)
        {
            flags |= AlarmFlag;
        }

        if (NextPeriod(registers, after) <= until)
        {
            flags |= PeriodicFlag;
        }

        return (byte)flags;
    }

    /// <summary>When the next of some events comes; the end of time when none does.</summary>
    /// <param name="registers">The registers.</param>
    /// <param name="after">The instant to look from.</param>
    /// <param name="wanted">The flags of the events that matter.</param>
    internal static long Next(ReadOnlySpan<byte> registers, long after, byte wanted)
    {
        long next = (wanted & UpdateFlag) != 0 ? ((after / Second) + 1) * Second : long.MaxValue;
        next = Math.Min(next, (wanted & AlarmFlag) != 0 ? NextAlarm(registers, after) : long.MaxValue);
        return Math.Min(next, (wanted & PeriodicFlag) != 0 ? NextPeriod(registers, after) : long.MaxValue);
    }

    /// <summary>The first second after an instant that agrees with the alarm registers, of which each may stand for any value.</summary>
    private static long NextAlarm(ReadOnlySpan<byte> registers, long after)
    {
        byte statusB = registers[StatusB];
        if (!CmosTime.CanBeAlarm(registers, statusB))
        {
            return long.MaxValue;
        }

        // At most all hours of a day, all minutes of the hour that agrees, and all seconds of the minute.
        long end = after + Day;
        for (long at = ((after / Second) + 1) * Second; at <= end;)
        {
            var time = TimeSpan.FromTicks(at % Day);
            if (!CmosTime.IsAlarmHour(registers[AlarmHour], statusB, time.Hours))
            {
                at = ((at / TimeSpan.TicksPerHour) + 1) * TimeSpan.TicksPerHour;
            }
            else if (!CmosTime.IsAlarm(registers[AlarmMinute], statusB, time.Minutes))
            {
                at = ((at / TimeSpan.TicksPerMinute) + 1) * TimeSpan.TicksPerMinute;
            }
            else if (!CmosTime.IsAlarm(registers[AlarmSecond], statusB, time.Seconds))
            {
                at += Second;
            }
            else
            {
                return at;
            }
        }

        return long.MaxValue;
    }

    private static long NextPeriod(ReadOnlySpan<byte> registers, long after)
    {
        int rate = registers[StatusA] & RateMask;
        if (rate == 0)
        {
            return long.MaxValue;
        }

        // The two fastest codes stand for rates that slower ones have, too.
        int crystalTicks = 1 << ((rate <= 2 ? rate + SlowRates : rate) - 1);
        var periods = ((Int128)after * CrystalFrequency / (Second * crystalTicks)) + 1;
        return (long)(((periods * Second * crystalTicks) + CrystalFrequency - 1) / CrystalFrequency);
    }
}

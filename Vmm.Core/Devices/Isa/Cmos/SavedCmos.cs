using Vmm.Core.State;

namespace Vmm.Core.Devices.Isa.Cmos;

/// <summary>The CMOS clock as QEMU's section has it. The guest's time is <see cref="Seconds"/> plus <see cref="Fraction"/> at the host's <see cref="At"/>.</summary>
internal sealed class SavedCmos
{
    /// <summary>The expiry of a timer that does not run.</summary>
    private const long NotRunning = -1;

    internal static readonly StateLayout<SavedCmos> Layout = new("mc146818rtc", version: 3)
    {
        { "cmos_data", s => s.Registers, CmosState.RegisterCount },
        { "cmos_index", s => ref s.Selected },
        { "unused[0]", 28 },
        { "periodic_timer", s => ref s._periodicTimer, TimerType.Timer },
        { "next_periodic_time", s => ref s._nextPeriodic },
        { "unused[1]", 24 },
        { "irq_coalesced", s => ref s._coalesced },
        { "period", s => ref s.Period },
        { "base_rtc", s => ref s.Seconds },
        { "last_update", s => ref s.At },
        { "offset", s => ref s.Fraction },
        { "update_timer", s => ref s._updateTimer, TimerType.Timer },
        { "next_alarm_time", s => ref s._nextAlarm },
    };

    /// <summary>All registers.</summary>
    internal readonly byte[] Registers = new byte[CmosState.RegisterCount];

    /// <summary>The register that port 0x71 reads and writes.</summary>
    internal byte Selected;

    /// <summary>The period of the periodic interrupt in ticks of the 32,768 Hz crystal; 0 for none.</summary>
    internal uint Period;

    /// <summary>Seconds since 1970; a signed number.</summary>
    internal ulong Seconds;

    /// <summary>The host's time in nanoseconds since 1970.</summary>
    internal ulong At;

    /// <summary>Nanoseconds.</summary>
    internal long Fraction;

    // What QEMU's timers have. They follow from the registers and the time here, and are no state.
    private long _periodicTimer = NotRunning;
    private long _nextPeriodic;
    private uint _coalesced;
    private long _updateTimer = NotRunning;
    private ulong _nextAlarm;
}

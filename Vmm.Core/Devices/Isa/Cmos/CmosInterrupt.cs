// The clock's interrupt.
//
// Three kinds of events raise it, if enabled: the time was updated, the alarm's time has come, a period is over (CmosEvents). They are collected
// at each access, and a timer waits for the next one whose interrupt is wanted; reading status C takes all of them back. The timer counts
// milliseconds: faster periods are collected late, several at a time.

using Vmm.Core.Buses;
using Vmm.Core.Devices.Clock;
using static Vmm.Core.Devices.Isa.Cmos.CmosRegisters;

namespace Vmm.Core.Devices.Isa.Cmos;

/// <summary>Collects the clock's events and drives its interrupt line. Not thread-safe: the clock's lock covers it.</summary>
/// <param name="state">The clock's registers, and up to when events were collected.</param>
/// <param name="line">The interrupt line.</param>
/// <param name="timer">Wakes the clock when an interrupt is due.</param>
/// <param name="elapsed">Called then; it collects.</param>
internal sealed class CmosInterrupt(CmosState state, IInterruptLine line, IDeviceTimer timer, Action elapsed)
{
    /// <summary>The host's time may be set: an event that is far away is looked for again and again.</summary>
    private static readonly TimeSpan LongestWait = TimeSpan.FromMinutes(1);

    private bool _level;

    /// <summary>Whether events raise the interrupt by themselves, and not only at an access.</summary>
    internal bool IsResumed { get; private set; }

    private Span<byte> Registers => state.Registers;

    private bool IsDue => (Registers[StatusB] & Registers[StatusC] & EventFlags) != 0;

    /// <summary>From now on events raise their interrupts by themselves; one that came meanwhile does so at once.</summary>
    /// <inheritdoc cref="Collect"/>
    internal void Resume(long now, bool isRunning)
    {
        IsResumed = true;
        Collect(now, isRunning);
    }

    /// <summary>From now on nothing but the guest's own accesses moves the line.</summary>
    internal void Quiesce()
    {
        IsResumed = false;
        timer.Disarm();
    }

    /// <summary>Status C: the events since it was read last.</summary>
    /// <inheritdoc cref="Collect"/>
    internal byte ReadEvents(long now, bool isRunning)
    {
        Collect(now, isRunning);
        byte flags = Registers[StatusC];
        byte request = IsDue ? InterruptRequest : (byte)0;
        Registers[StatusC] = 0;
        Collect(now, isRunning);
        return (byte)(flags | request);
    }

    /// <summary>Collects the events since the last time, drives the interrupt line, and sets the timer to what comes next.</summary>
    /// <param name="now">The guest's time, in units of 100 ns.</param>
    /// <param name="isRunning">Whether the clock runs.</param>
    internal void Collect(long now, bool isRunning)
    {
        if (isRunning && now > state.EventsSeenUntil)
        {
            Registers[StatusC] |= CmosEvents.Between(Registers, state.EventsSeenUntil, now);
        }

        state.EventsSeenUntil = now;
        DriveLine();
        byte wanted = (byte)(Registers[StatusB] & EventFlags);
        if (!IsResumed)
        {
            return;
        }

        if (wanted == 0 || _level || !isRunning)
        {
            timer.Disarm();
        }
        else if (CmosEvents.Next(Registers, now, wanted) is var next and not long.MaxValue)
        {
            long wait = Math.Min(next - now, LongestWait.Ticks);
            timer.Arm(TimeSpan.FromTicks(wait), elapsed);
        }
        else
        {
            timer.Disarm();
        }
    }

    /// <summary>Drives the interrupt line as the registers say.</summary>
    internal void DriveLine()
    {
        if (IsDue != _level)
        {
            _level = !_level;
            line.Set(_level);
        }
    }
}

// The clock's interrupt.
//
// Three kinds of events raise its interrupt, if enabled: the time was updated, the alarm's time has come, a period is over
// (CmosEvents). They are collected at each access, and a timer waits for the next one whose interrupt is wanted; reading
// status C takes all of them back. The timer counts milliseconds: faster periods are collected late, several at a time.

using static Vmm.Core.Devices.Isa.Cmos.CmosRegisters;

namespace Vmm.Core.Devices.Isa.Cmos;

public sealed partial class CmosClock
{
    /// <summary>The host's time may be set: an event that is far away is looked for again and again.</summary>
    private static readonly TimeSpan LongestWait = TimeSpan.FromMinutes(1);

    private bool _isResumed;
    private bool _level;

    private bool IsInterruptDue => (Registers[StatusB] & Registers[StatusC] & EventFlags) != 0;

    /// <summary>Drives the interrupt line as the state says.</summary>
    public void Apply()
    {
        lock (_lock)
        {
            UpdateInterrupt();
        }
    }

    /// <summary>From now on events raise their interrupts by themselves; one that came meanwhile does so at once.</summary>
    public override void Resume()
    {
        lock (_lock)
        {
            _isResumed = true;
            CollectEvents();
        }
    }

    /// <summary>When this returns, nothing but the guest's own accesses moves the interrupt line, until <see cref="Resume"/>.</summary>
    public override void Quiesce()
    {
        lock (_lock)
        {
            _isResumed = false;
            _timer.Disarm();
        }
    }

    /// <summary>Status C: what has happened since it was read last.</summary>
    private byte ReadEvents()
    {
        CollectEvents();
        byte flags = Registers[StatusC];
        byte request = IsInterruptDue ? InterruptRequest : (byte)0;
        Registers[StatusC] = 0;
        CollectEvents();
        return (byte)(flags | request);
    }

    private void OnTimer()
    {
        lock (_lock)
        {
            if (_isResumed)
            {
                CollectEvents();
            }
        }
    }

    /// <summary>Notes what has happened since the last time, drives the interrupt line, and sets the timer to what comes next.</summary>
    private void CollectEvents()
    {
        long now = Now.Ticks;
        if (IsRunning && now > _state.EventsSeenUntil)
        {
            Registers[StatusC] |= CmosEvents.Between(Registers, _state.EventsSeenUntil, now);
        }

        _state.EventsSeenUntil = now;
        UpdateInterrupt();
        byte wanted = (byte)(Registers[StatusB] & EventFlags);
        if (!_isResumed)
        {
            return;
        }

        if (wanted == 0 || _level || !IsRunning)
        {
            _timer.Disarm();
        }
        else if (CmosEvents.Next(Registers, now, wanted) is var next and not long.MaxValue)
        {
            long wait = Math.Min(next - now, LongestWait.Ticks);
            _timer.Arm(TimeSpan.FromTicks(wait), _elapsed);
        }
        else
        {
            _timer.Disarm();
        }
    }

    private void UpdateInterrupt()
    {
        if (IsInterruptDue != _level)
        {
            _level = !_level;
            _interrupt.Set(_level);
        }
    }
}

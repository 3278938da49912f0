using Vmm.Core.State;

namespace Vmm.Core.Devices.Clock;

/// <summary>The guest's time in relation to the host's.</summary>
internal sealed class GuestClockState
{
    internal static readonly StateLayout<GuestClockState> Layout = new("timer", version: 3)
    {
        { "cpu_clock_offset", s => ref s.Offset },
        { "frozen", s => ref s.Frozen },
        { "frozen_at", s => ref s.FrozenAt },
    };

    /// <summary>Guest time minus host time in nanoseconds, while the clock runs.</summary>
    internal long Offset;

    /// <summary>Whether the clock is stopped.</summary>
    internal bool Frozen;

    /// <summary>The reading of a clock that is stopped, in nanoseconds.</summary>
    internal long FrozenAt;
}

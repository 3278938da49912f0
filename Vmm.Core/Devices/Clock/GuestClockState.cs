using Vmm.Core.State;

namespace Vmm.Core.Devices.Clock;

/// <summary>The guest's time in relation to the host's.</summary>
public sealed class GuestClockState
{
    internal static readonly StateLayout<GuestClockState> Layout = new("timer", version: 3)
    {
        { "cpu_clock_offset", s => ref s.Offset },
        { "frozen", s => ref s.Frozen },
        { "frozen_at", s => ref s.FrozenAt },
    };

    private long _offset;
    private long _frozenAt;
    private bool _frozen;

    /// <summary>Guest time minus host time in nanoseconds, while the clock runs.</summary>
    public ref long Offset => ref _offset;

    /// <summary>Whether the clock stands still.</summary>
    public ref bool Frozen => ref _frozen;

    /// <summary>The reading of a clock that stands still, in nanoseconds.</summary>
    public ref long FrozenAt => ref _frozenAt;
}

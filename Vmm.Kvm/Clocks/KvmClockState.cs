using Vmm.Core.State;

namespace Vmm.Kvm.Clocks;

/// <summary>What of the guest's paravirtual clock travels: its anchor, the last reading, and whether it is stopped.</summary>
internal sealed class KvmClockState
{
    internal static readonly StateLayout<KvmClockState> Layout = new("kvmclock", version: 1)
    {
        { "anchor_clock", s => ref s._anchorClock },
        { "anchor_tsc", s => ref s._anchorTsc },
        { "anchor_raw", s => ref s._anchorRaw },
        { "clock", s => ref s._clock },
        { "tsc", s => ref s._tsc },
        { "raw", s => ref s._raw },
        { "frozen", s => ref s.Frozen },
    };

    private ulong _anchorClock;
    private ulong _anchorTsc;
    private ulong _anchorRaw;
    private ulong _clock;
    private ulong _tsc;
    private ulong _raw;

    /// <summary>Whether the clock is stopped.</summary>
    internal bool Frozen;

    /// <summary>A reading that everything later is computed from.</summary>
    internal ClockReading Anchor
    {
        get => new(_anchorClock, _anchorTsc, _anchorRaw);
        set => (_anchorClock, _anchorTsc, _anchorRaw) = (value.Guest, value.Tsc, value.Raw);
    }

    /// <summary>The reading when the state was saved; of a frozen clock, its value.</summary>
    internal ClockReading Last
    {
        get => new(_clock, _tsc, _raw);
        set => (_clock, _tsc, _raw) = (value.Guest, value.Tsc, value.Raw);
    }
}

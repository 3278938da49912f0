// The time that devices count in: nanoseconds that pass while the guest may run and do not while it is stopped.
//
// It is the host's monotonic clock plus an offset. Stopping remembers the reading, resuming moves the offset. Both
// processes of a handover see the same host clock, so carrying the offset carries the time: it neither stops nor jumps,
// however long the switch takes.

using Vmm.Core.State;

namespace Vmm.Core.Devices.Clock;

/// <summary>A monotonic clock that can be frozen; starts frozen at zero, as the guest starts stopped.</summary>
/// <param name="host">The host's clock; its timestamps are CLOCK_MONOTONIC, the same in every process of the host.</param>
public sealed class GuestClock(TimeProvider host) : IStateful
{
    private readonly Lock _lock = new();
    private readonly GuestClockState _state = new() { Frozen = true };

    /// <inheritdoc/>
    public StateLayout Layout => GuestClockState.Layout;

    /// <inheritdoc/>
    public SavedForm CreateSavedForm(string section, int instance) => new GuestClockSavedForm(this, section, instance);

    /// <summary>The time in nanoseconds. May be read on any thread.</summary>
    public long Nanoseconds
    {
        get
        {
            lock (_lock)
            {
                return _state.Frozen ? _state.FrozenAt : HostNanoseconds + _state.Offset;
            }
        }
    }

    private long HostNanoseconds => (long)((Int128)host.GetTimestamp() * 1_000_000_000 / host.TimestampFrequency);

    /// <summary>Stops the time; without effect on a stopped clock.</summary>
    public void Freeze()
    {
        lock (_lock)
        {
            if (!_state.Frozen)
            {
                _state.FrozenAt = HostNanoseconds + _state.Offset;
                _state.Frozen = true;
            }
        }
    }

    /// <summary>Lets the time continue from where it stopped; without effect on a running clock.</summary>
    public void Thaw()
    {
        lock (_lock)
        {
            if (_state.Frozen)
            {
                _state.Offset = _state.FrozenAt - HostNanoseconds;
                _state.Frozen = false;
            }
        }
    }

    /// <inheritdoc/>
    public void Save(StateWriter writer)
    {
        lock (_lock)
        {
            writer.Write(GuestClockState.Layout, _state);
        }
    }

    /// <inheritdoc/>
    public void Load(StateReader reader)
    {
        lock (_lock)
        {
            reader.Read(GuestClockState.Layout, _state);
        }
    }
}

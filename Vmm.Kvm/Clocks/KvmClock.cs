// The guest's paravirtual clock.
//
// A guest must never notice a handover by its clock. So the clock is not copied but computed: one reading, the anchor, pairs the guest's
// time with the host's, and every later process sets the clock to anchor plus host time passed. The anchor is the guest's first and is
// carried unchanged, so errors of one hop are not handed to the next. Only a deliberate set makes a new one: thawing after a pause that
// the guest's time must not show.
//
// KVM_SET_CLOCK takes effect a little after its argument was computed, so the clock is read back and set again until it is right
// to a microsecond. The last reading before the switch is carried too: the clock never goes behind what the guest may have seen. (It has
// not run since, so that reading as it stands is the bound; were it moved on to now, each hop's error would be the next one's floor.)

using Microsoft.Extensions.Logging;
using Vmm.Core.Hypervisors;
using Vmm.Core.State;
using Vmm.Kvm.Logging;
using Vmm.Kvm.Native;

namespace Vmm.Kvm.Clocks;

/// <summary>kvmclock of a VM, as a device whose state travels.</summary>
internal sealed class KvmClock(KvmFile machine, uint tscKhz, ILogger logger) : IStateful
{
    private const long Tolerance = 1_000;
    private const long CloseEnough = 250;
    private const long Implausible = 10_000_000;
    private const int Tries = 32;

    private readonly TscScale _scale = new(tscKhz);
    private readonly KvmClockState _state = new();
    private ClockReading? _anchor;
    private ulong? _frozenAt;
    private bool _isLoaded;

    /// <inheritdoc/>
    public StateLayout Layout => KvmClockState.Layout;

    /// <inheritdoc/>
    public SavedForm CreateSavedForm(string section, int instance) => new KvmClockSavedForm(this, section, instance);

    /// <inheritdoc/>
    public void Save(StateWriter writer)
    {
        var now = Read();
        _anchor ??= now;
        _state.Anchor = _anchor.Value;
        _state.Last = _frozenAt is { } frozen ? now with { Guest = frozen } : now;
        _state.Frozen = _frozenAt is not null;
        writer.Write(KvmClockState.Layout, _state);
    }

    /// <inheritdoc/>
    public void Load(StateReader reader) => reader.Read(KvmClockState.Layout, _state);

    /// <inheritdoc/>
    public void Apply()
    {
        _isLoaded = true;
        _frozenAt = _state.Frozen ? _state.Last.Guest : null;
        _anchor = _state.Anchor;
        try
        {
            Correct();
        }
        catch (HypervisorException refusal)
        {
            throw new StateException($"{Layout.Name}: {refusal.Message}", refusal);
        }
    }

    /// <summary>Sets a clock that was loaded to its anchor, once more after what may have moved it (a vCPU's TSC).</summary>
    internal void Correct()
    {
        if (!_isLoaded || _frozenAt is not null)
        {
            return;
        }

        var now = Read();
        var (anchor, last) = (_state.Anchor, _state.Last);
        long apart = (long)(anchor.At(now, _scale) - last.At(now, _scale));
        if (Math.Abs(apart) > Implausible)
        {
            // Not drift: the host's clocks do not fit the anchor. The guest's time continues from what it last saw.
            KvmLog.ClockAnchorDropped(logger, apart);
            _anchor = _state.Anchor = anchor = last;
        }

        long error = SetWithinTolerance(reading => Math.Max(anchor.At(reading, _scale), last.Guest));
        KvmLog.ClockSet(logger, error);
    }

    /// <summary>Freezes the clock at its present value.</summary>
    internal void Freeze() => _frozenAt ??= Read().Guest;

    /// <summary>Lets the clock continue from there.</summary>
    internal void Thaw()
    {
        if (_frozenAt is not { } frozen)
        {
            return;
        }

        // What can be refused comes first: a clock that could not be set stays stopped for the next try.
        Set(frozen);
        _anchor = Read();
        _frozenAt = null;
        _isLoaded = false;
    }

    /// <summary>Sets the clock until it is what <paramref name="target"/> says; the result is the error left, in nanoseconds.</summary>
    private long SetWithinTolerance(Func<ClockReading, ulong> target)
    {
        long lead = 0;
        long error = 0;
        for (int i = 0; i < Tries; i++)
        {
            // Best is a fraction of the tolerance; a noisy host gets half the tries for it and then has to be content with the tolerance.
            var reading = Read();
            error = (long)(reading.Guest - target(reading));
            if (Math.Abs(error) < (i < Tries / 2 ? CloseEnough : Tolerance))
            {
                return error;
            }

            // What the last set was late by is given to the next one in advance; a set that was delayed by chance is forgotten soon.
            lead = i == 0 ? 0 : Math.Clamp(lead - error, -100_000, 100_000);
            var latest = Read();
            Set(target(latest) + (ulong)lead);
        }

        KvmLog.ClockInexact(logger, error);
        return error;
    }

    private ClockReading Read()
    {
        // Without a TSC in the answer, the host's clock is read on both sides, and the narrowest of some tries counts.
        const ulong NarrowEnough = 1_000;
        var best = default(ClockReading);
        ulong narrowest = ulong.MaxValue;
        for (int i = 0; i < 8 && narrowest > NarrowEnough; i++)
        {
            var data = default(KvmClockData);
            ulong before = HostClock.RawNanoseconds;
            machine.Call(KvmRequest.GetClock, ref data);
            ulong after = HostClock.RawNanoseconds;
            if (after - before >= narrowest)
            {
                continue;
            }

            narrowest = after - before;
            ulong tsc = (data.Flags & KvmClockData.HasHostTsc) != 0 ? data.HostTsc : 0;
            best = new ClockReading(data.Clock, tsc, before + (narrowest / 2));
            if (tsc != 0)
            {
                break;
            }
        }

        return best with { Raw = best.Raw + HostClock.SuspendedNanoseconds() };
    }

    private void Set(ulong guest)
    {
        var data = new KvmClockData { Clock = guest };
        machine.Call(KvmRequest.SetClock, ref data);
    }
}

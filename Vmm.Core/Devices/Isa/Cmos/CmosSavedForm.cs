// The CMOS clock in a saved file: as QEMU's. Both compute the guest's time from the host's; QEMU's remembers one instant in both, from which it counts.
// That instant is the one up to which events were noticed, so a restored guest gets those that were due while it was saved.

using Vmm.Core.State;
using static Vmm.Core.Devices.Isa.Cmos.CmosRegisters;

namespace Vmm.Core.Devices.Isa.Cmos;

/// <summary>The CMOS clock in a saved file.</summary>
internal sealed class CmosSavedForm : SavedForm<CmosState>
{
    private const long NanosecondsPerTick = TimeSpan.NanosecondsPerTick;
    private static readonly Int128 Epoch = DateTime.UnixEpoch.Ticks;

    private readonly SavedCmos _record = new();

    internal CmosSavedForm(IStateful clock, string section, int instance)
        : base(clock, CmosState.Layout, new CmosState()) =>
        Parts = [new SavedPart<SavedCmos>(section, instance, SavedCmos.Layout, _record)];

    /// <inheritdoc/>
    public override IReadOnlyList<SavedPart> Parts { get; }

    /// <inheritdoc/>
    protected override void Fill(CmosState own)
    {
        own.Registers.CopyTo(_record.Registers, 0);
        _record.Selected = own.Selected;
        _record.Period = PeriodOf(own.Registers[StatusA], own.Registers[StatusB]);
        long guest = own.EventsSeenUntil - DateTime.UnixEpoch.Ticks;
        var (seconds, ticks) = Math.DivRem(guest, TimeSpan.TicksPerSecond);
        if (ticks < 0)
        {
            (seconds, ticks) = (seconds - 1, ticks + TimeSpan.TicksPerSecond);
        }

        _record.Seconds = (ulong)seconds;
        _record.Fraction = ticks * NanosecondsPerTick;
        _record.At = (ulong)(((Int128)guest - own.Offset) * NanosecondsPerTick);
    }

    /// <inheritdoc/>
    protected override void Take(CmosState own)
    {
        _record.Registers.CopyTo(own.Registers, 0);
        own.Selected = _record.Selected;
        Int128 guest = Epoch + ((Int128)(long)_record.Seconds * TimeSpan.TicksPerSecond) + (_record.Fraction / NanosecondsPerTick);
        Int128 host = Epoch + (_record.At / (ulong)NanosecondsPerTick);
        if (guest < DateTime.MinValue.Ticks || guest > DateTime.MaxValue.Ticks)
        {
            throw new StateException(
                $"mc146818rtc base_rtc and offset: an instant of the years 1 to 9999 expected, {(long)_record.Seconds} seconds and {_record.Fraction} ns since 1970 found");
        }

        (own.EventsSeenUntil, own.Offset) = ((long)guest, (long)(guest - host));
    }

    /// <summary>The periodic interrupt's period in ticks of the crystal: rates 1 and 2 are those of 8 and 9.</summary>
    private static uint PeriodOf(byte statusA, byte statusB)
    {
        int rate = statusA & RateMask;
        return (statusB & PeriodicFlag) == 0 || rate == 0 ? 0 : 1u << ((rate <= 2 ? rate + 7 : rate) - 1);
    }
}

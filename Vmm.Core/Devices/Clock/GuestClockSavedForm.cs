// The clock as QEMU has it, in a section of the same name: what it reads while it is stopped, which it is in every saved file. QEMU's count of the
// processor's ticks has no meaning under a hypervisor.

using Vmm.Core.State;

namespace Vmm.Core.Devices.Clock;

/// <summary>The guest's time in a saved file.</summary>
internal sealed class GuestClockSavedForm : SavedForm<GuestClockState>
{
    private readonly Record _record = new();

    internal GuestClockSavedForm(IStateful clock, string section, int instance)
        : base(clock, GuestClockState.Layout, new GuestClockState()) =>
        Parts = [new SavedPart<Record>(section, instance, Record.Layout, _record)];

    /// <inheritdoc/>
    public override IReadOnlyList<SavedPart> Parts { get; }

    /// <inheritdoc/>
    protected override void Fill(GuestClockState own) =>
        _record.Nanoseconds = own.Frozen ? own.FrozenAt : throw new InvalidOperationException("the clock of a guest that is saved is stopped");

    /// <inheritdoc/>
    protected override void Take(GuestClockState own) => (own.Frozen, own.FrozenAt, own.Offset) = (true, _record.Nanoseconds, 0);

    /// <summary>QEMU's section.</summary>
    internal sealed class Record
    {
        internal static readonly StateLayout<Record> Layout = new("timer", version: 2)
        {
            { "cpu_ticks_offset", s => ref s._ticks },
            { "unused", 8 },
            { "cpu_clock_offset", s => ref s.Nanoseconds },
        };

        /// <summary>The reading of the clock.</summary>
        internal long Nanoseconds;

        private long _ticks;
    }
}

// The guest's paravirtual clock in a saved file: as QEMU's, its value. A guest that is saved is stopped, and so is its clock; where it continues a new
// anchor is made. QEMU's subsection says that the value is what the guest saw, and not one that the host has read a little later.

using Vmm.Core.State;

namespace Vmm.Kvm.Clocks;

/// <summary>The guest's paravirtual clock in a saved file.</summary>
internal sealed class KvmClockSavedForm : SavedForm<KvmClockState>
{
    private readonly Record _record = new();

    internal KvmClockSavedForm(IStateful clock, string section, int instance)
        : base(clock, KvmClockState.Layout, new KvmClockState()) =>
        Parts = [new SavedPart<Record>(section, instance, Record.Layout, _record)];

    /// <inheritdoc/>
    public override IReadOnlyList<SavedPart> Parts { get; }

    /// <inheritdoc/>
    protected override void Fill(KvmClockState own) =>
        _record.Nanoseconds = own.Frozen ? own.Last.Guest : throw new InvalidOperationException("the paravirtual clock of a guest that is saved is stopped");

    /// <inheritdoc/>
    protected override void Take(KvmClockState own) =>
        (own.Frozen, own.Anchor, own.Last) = (true, new(_record.Nanoseconds, 0, 0), new(_record.Nanoseconds, 0, 0));

    /// <summary>QEMU's section.</summary>
    internal sealed class Record
    {
        internal static readonly StateLayout<Record> Layout = new("kvmclock", version: 1)
        {
            { "clock", s => ref s.Nanoseconds },
            {
                new StateLayout<Record>("kvmclock/clock_is_reliable", version: 1)
                {
                    { "clock_is_reliable", s => ref s._isReliable },
                },
                _ => true
            },
        };

        /// <summary>The value of the clock.</summary>
        internal ulong Nanoseconds;

        private bool _isReliable = true;
    }
}

using Vmm.Core.State;

namespace Vmm.Core.Devices.IoApic;

/// <summary>An I/O APIC in a saved file: as QEMU's, whose section says of the bytes that mean nothing that they do not.</summary>
internal sealed class IoApicSavedForm : SavedForm<IoApicState>
{
    internal static readonly StateLayout<IoApicState> Layout = new(IoApicState.Layout.Name, version: 3)
    {
        { "id", s => ref s.Id },
        { "ioregsel", s => ref s.Select },
        { "unused", 8 },
        { "irr", s => ref s.Requested },
        { "ioredtbl", s => s.Entries, IoApicRegisters.Inputs },
    };

    private readonly IoApicState _record = new();

    internal IoApicSavedForm(IStateful controller, string section, int instance)
        : base(controller, IoApicState.Layout, new IoApicState()) =>
        Parts = [new SavedPart<IoApicState>(section, instance, Layout, _record)];

    /// <inheritdoc/>
    public override IReadOnlyList<SavedPart> Parts { get; }

    /// <inheritdoc/>
    protected override void Fill(IoApicState own) => Copy(own, _record);

    /// <inheritdoc/>
    protected override void Take(IoApicState own) => Copy(_record, own);

    private static void Copy(IoApicState from, IoApicState to)
    {
        (to.Id, to.Select, to.Requested) = (from.Id, from.Select, from.Requested);
        from.Entries.CopyTo(to.Entries, 0);
    }
}

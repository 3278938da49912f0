using Vmm.Core.State;

namespace Vmm.Core.Machines;

/// <summary>The run state in a saved file: as QEMU's, whose section has numbers where ours has truth values.</summary>
internal sealed class GlobalStateSavedForm : SavedForm<GlobalState.Record>
{
    private readonly Record _record = new();

    internal GlobalStateSavedForm(IStateful state, string section, int instance)
        : base(state, GlobalState.TheLayout, new GlobalState.Record()) =>
        Parts = [new SavedPart<Record>(section, instance, Record.Layout, _record)];

    /// <inheritdoc/>
    public override IReadOnlyList<SavedPart> Parts { get; }

    /// <inheritdoc/>
    protected override void Fill(GlobalState.Record own)
    {
        _record.Size = own.Size;
        own.RunState.CopyTo(_record.RunState, 0);
        (_record.HasSuspended, _record.Suspended) = (Number(own.HasSuspended), Number(own.Suspended));
    }

    /// <inheritdoc/>
    protected override void Take(GlobalState.Record own)
    {
        own.Size = _record.Size;
        _record.RunState.CopyTo(own.RunState, 0);
        (own.HasSuspended, own.Suspended) = (_record.HasSuspended != 0, _record.Suspended != 0);
    }

    private static byte Number(bool value) => value ? (byte)1 : (byte)0;

    /// <summary>QEMU's section.</summary>
    internal sealed class Record
    {
        internal static readonly StateLayout<Record> Layout = new("globalstate", version: 1)
        {
            { "size", s => ref s.Size },
            { "runstate", s => s.RunState, GlobalState.Record.Capacity },
            { "has_vm_was_suspended", s => ref s.HasSuspended },
            { "vm_was_suspended", s => ref s.Suspended },
            { "unused", s => s._unused, GlobalState.Record.UnusedSize },
        };

        internal uint Size;
        internal readonly byte[] RunState = new byte[GlobalState.Record.Capacity];
        internal byte HasSuspended;
        internal byte Suspended;
        private readonly byte[] _unused = new byte[GlobalState.Record.UnusedSize];
    }
}

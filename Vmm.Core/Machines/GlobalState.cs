// What the machine was doing when it was stopped to be handed over. It travels with the guest, so that a guest that was
// paused arrives paused, and one that never ran arrives as never run. The section has the shape of QEMU's "globalstate".

using System.Text;
using Vmm.Core.State;

namespace Vmm.Core.Machines;

/// <summary>The run state that a guest had before the switch.</summary>
public sealed class GlobalState : IStateful
{
    private static readonly StateLayout<Record> TheLayout = new("globalstate", version: 1)
    {
        { "size", s => ref s.Size },
        { "runstate", s => s.RunState, Record.Capacity },
        { "has_vm_was_suspended", s => ref s.HasSuspended },
        { "vm_was_suspended", s => ref s.Suspended },
        { "unused", s => s.Unused, 66 },
    };

    private readonly Record _record = new();

    /// <inheritdoc/>
    public StateLayout Layout => TheLayout;

    /// <summary>The run state to restore: running, paused or prelaunch.</summary>
    public RunState State { get; set; } = RunState.Running;

    /// <inheritdoc/>
    public void Save(StateWriter writer)
    {
        _record.RunState.Clear();
        _record.Size = (uint)Encoding.ASCII.GetBytes(State.Name(), _record.RunState) + 1;
        _record.HasSuspended = true;
        writer.Write(TheLayout, _record);
    }

    /// <inheritdoc/>
    public void Load(StateReader reader)
    {
        reader.Read(TheLayout, _record);
        int end = _record.RunState.IndexOf((byte)0);
        string name = Encoding.ASCII.GetString(_record.RunState[..(end < 0 ? Record.Capacity : end)]);
        if (!RunStateNames.TryParse(name, out var state) || state is not (RunState.Running or RunState.Paused or RunState.Prelaunch))
        {
            throw new StateException($"globalstate: running, paused or prelaunch expected, '{name}' found");
        }

        State = state;
    }

    private sealed class Record
    {
        internal const int Capacity = 32;

        private readonly byte[] _runState = new byte[Capacity];
        private readonly byte[] _unused = new byte[66];
        private uint _size;
        private bool _hasSuspended;
        private bool _suspended;

        internal ref uint Size => ref _size;

        internal Span<byte> RunState => _runState;

        internal ref bool HasSuspended => ref _hasSuspended;

        internal ref bool Suspended => ref _suspended;

        internal Span<byte> Unused => _unused;
    }
}

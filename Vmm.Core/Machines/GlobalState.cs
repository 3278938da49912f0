// What the machine was doing when it was stopped to be handed over. It travels with the guest, so that a guest that was
// paused arrives paused, and one that never ran arrives as never run. The section has the shape of QEMU's "globalstate".

using System.Text;
using Vmm.Core.State;

namespace Vmm.Core.Machines;

/// <summary>The run state that a guest had before the switch.</summary>
public sealed class GlobalState : IStateful
{
    internal static readonly StateLayout<Record> TheLayout = new("globalstate", version: 1)
    {
        { "size", s => ref s.Size },
        { "runstate", s => s.RunState, Record.Capacity },
        { "has_vm_was_suspended", s => ref s.HasSuspended },
        { "vm_was_suspended", s => ref s.Suspended },
        { "unused", s => s.Unused, Record.UnusedSize },
    };

    private readonly Record _record = new();

    /// <inheritdoc/>
    public StateLayout Layout => TheLayout;

    /// <inheritdoc/>
    public SavedForm CreateSavedForm(string section, int instance) => new GlobalStateSavedForm(this, section, instance);

    /// <summary>The run state to restore: running, paused, prelaunch or io-error.</summary>
    public RunState State { get; set; } = RunState.Running;

    /// <inheritdoc/>
    public void Save(StateWriter writer)
    {
        Array.Clear(_record.RunState);
        _record.Size = (uint)Encoding.ASCII.GetBytes(State.Name(), _record.RunState) + 1;
        _record.HasSuspended = true;
        writer.Write(TheLayout, _record);
    }

    /// <inheritdoc/>
    public void Load(StateReader reader)
    {
        reader.Read(TheLayout, _record);
        int end = Array.IndexOf(_record.RunState, (byte)0);
        string name = Encoding.ASCII.GetString(_record.RunState, 0, end < 0 ? Record.Capacity : end);
        if (!RunStateNames.TryParse(name, out var state) || state is not (RunState.Running or RunState.Paused or RunState.Prelaunch or RunState.IoError))
        {
            throw new StateException($"globalstate: running, paused, prelaunch or io-error expected, '{name}' found");
        }

        State = state;
    }

    /// <summary>The section.</summary>
    internal sealed class Record
    {
        internal const int Capacity = 32;
        internal const int UnusedSize = 66;

        internal uint Size;
        internal readonly byte[] RunState = new byte[Capacity];
        internal bool HasSuspended;
        internal bool Suspended;
        internal readonly byte[] Unused = new byte[UnusedSize];
    }
}

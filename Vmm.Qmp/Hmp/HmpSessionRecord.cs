using Vmm.Core.State;
using Vmm.Qmp.Sessions;
using Vmm.Qmp.Wire;

namespace Vmm.Qmp.Hmp;

/// <summary>What another program has written of a session with the human monitor.</summary>
internal sealed class HmpSessionRecord : SessionRecord
{
    /// <summary>Reads it.</summary>
    /// <exception cref="StateException">It is damaged.</exception>
    internal HmpSessionRecord(StateReader record)
        : base(record)
    {
        OwesOutcome = record.ReadFlag();
        Lines = record.ReadList(record.ReadText);
        Partial = record.ReadBlob();
        LastWasReturn = record.ReadFlag();
        Editor = record.ReadFlag() ? LineEditorRecord.Read(record) : null;
        FormerMode = record.ReadBlob();
    }

    /// <summary>Whether the client waits for the outcome of the migration that replaced the program, and for the prompt behind it.</summary>
    internal bool OwesOutcome { get; }

    /// <summary>Lines that have not begun.</summary>
    internal IReadOnlyList<string> Lines { get; }

    /// <summary>The beginning of a line that was sent over a socket or a pipe.</summary>
    internal byte[] Partial { get; }

    /// <summary>Whether the last byte was a carriage return.</summary>
    internal bool LastWasReturn { get; }

    /// <summary>The line that is typed at a terminal.</summary>
    internal LineEditorRecord? Editor { get; }

    /// <summary>The mode that the terminal had before the monitor was there, as <see cref="Core.Chardevs.TerminalMode.Former"/> gives it; empty for none.</summary>
    internal byte[] FormerMode { get; }
}

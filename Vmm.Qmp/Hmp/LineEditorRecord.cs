using System.Text;
using Vmm.Core.State;
using Vmm.Qmp.Wire;

namespace Vmm.Qmp.Hmp;

/// <summary>Where a line editor is, as it goes to the program that continues with it.</summary>
/// <param name="Line">The line so far.</param>
/// <param name="Cursor">Characters of it before the cursor.</param>
/// <param name="History">Earlier lines, oldest first.</param>
/// <param name="Recalled">Which of them is shown; their number for none.</param>
/// <param name="Sequence">An escape sequence, or a character of several bytes, that has not ended.</param>
/// <param name="AfterReturn">Whether the last key was a carriage return.</param>
internal sealed record LineEditorRecord(string Line, int Cursor, List<string> History, int Recalled, byte[] Sequence, bool AfterReturn)
{
    /// <summary>Writes it.</summary>
    internal void Write(StateWriter record)
    {
        record.WriteText(Line);
        record.WriteUInt32((uint)Cursor);
        record.WriteList(History, record.WriteText);
        record.WriteUInt32((uint)Recalled);
        record.WriteBlob(Sequence);
        record.WriteFlag(AfterReturn);
    }

    /// <summary>Reads what <see cref="Write"/> wrote.</summary>
    /// <exception cref="StateException">No editor is there.</exception>
    internal static LineEditorRecord Read(StateReader record)
    {
        string line = record.ReadText();
        uint cursor = record.ReadUInt32();
        var history = record.ReadList(record.ReadText);
        uint recalled = record.ReadUInt32();
        byte[] sequence = record.ReadBlob();
        return cursor > line.EnumerateRunes().Count() || recalled > history.Count
            ? throw RecordFields.Damaged("the cursor of a line is behind its end")
            : new LineEditorRecord(line, (int)cursor, history, (int)recalled, sequence, record.ReadFlag());
    }
}

using Vmm.Core.State;

namespace Vmm.Core.Chardevs;

/// <summary>What a monitor's place at a mux holds between the terminal and the session, for a program that replaces this one.</summary>
/// <param name="WasShown">Whether the terminal has shown something of the monitor.</param>
/// <param name="Typed">What was typed, and the session's socket has not taken.</param>
/// <param name="Written">What the session wrote, and the terminal has not taken.</param>
/// <param name="LastLine">The line that the prompt is on.</param>
/// <param name="Queued">The queue before the session's socket.</param>
public sealed record MuxMonitorState(bool WasShown, byte[] Typed, byte[] Written, byte[] LastLine, byte[] Queued)
{
    /// <summary>Writes it.</summary>
    public void Write(StateWriter record)
    {
        ArgumentNullException.ThrowIfNull(record);
        record.WriteByte(WasShown ? (byte)1 : (byte)0);
        foreach (byte[] bytes in (byte[][])[Typed, Written, LastLine, Queued])
        {
            record.WriteUInt16((ushort)bytes.Length);
            record.WriteBytes(bytes);
        }
    }

    /// <summary>Reads what <see cref="Write"/> wrote.</summary>
    /// <exception cref="StateException">It is damaged.</exception>
    public static MuxMonitorState Read(StateReader record)
    {
        ArgumentNullException.ThrowIfNull(record);
        var state = new MuxMonitorState(record.ReadByte() != 0, ReadBytes(record), ReadBytes(record), ReadBytes(record), ReadBytes(record));
        new OutputQueue().Load(new StateReader(state.Queued));
        return state;
    }

    private static byte[] ReadBytes(StateReader record) => record.ReadBytes(record.ReadUInt16()).ToArray();
}

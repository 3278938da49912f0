// What announces a subsection in a stream: a mark, the subsection's name, its version.
//
// Several layouts may have to be asked whose subsection comes next: a nested layout first, then the one around it. So the
// name is looked at before it is taken, and left where it is if it is none of the layout's own. The mark is a byte that a field may
// hold as well; hence subsections are where no field can follow, see StateLayout.

namespace Vmm.Core.State;

/// <summary>Writes and reads the heads of subsections.</summary>
internal static class SubsectionHead
{
    private const byte Mark = 0x05;

    internal static void Write(StateWriter writer, StateLayout subsection)
    {
        writer.WriteByte(Mark);
        writer.WriteName(subsection.Name);
        writer.WriteUInt32((uint)subsection.Version);
    }

    /// <summary>Takes the head of one of a layout's subsections; what announces anything else stays unread.</summary>
    /// <param name="reader">Where from.</param>
    /// <param name="known">The layout's subsections.</param>
    /// <param name="next">The first of them that may come now; behind the one found, afterwards.</param>
    /// <param name="version">The version that the head announces.</param>
    /// <returns>Its position among those known; -1 if there is none.</returns>
    internal static int TryRead(StateReader reader, IReadOnlyList<StateLayout> known, ref int next, out long version)
    {
        version = 0;
        if (next == known.Count || Announced(reader) is not { } name)
        {
            return -1;
        }

        for (int i = next; i < known.Count; i++)
        {
            if (known[i].Name == name)
            {
                reader.ReadByte();
                reader.ReadName();
                version = reader.ReadUInt32();
                next = i + 1;
                return i;
            }
        }

        return -1;
    }

    /// <summary>Refuses a subsection that nothing has taken.</summary>
    /// <exception cref="StateException">There is one.</exception>
    internal static void RequireNone(StateReader reader, StateLayout layout)
    {
        if (layout.HasSubsections && Announced(reader) is { } name)
        {
            throw new StateException($"{layout.Name}: unknown, repeated or misplaced subsection '{name}'");
        }
    }

    private static string? Announced(StateReader reader)
    {
        if (reader.PeekByte() != Mark)
        {
            return null;
        }

        int start = reader.Position;
        reader.ReadByte();
        string name = reader.ReadName();
        reader.Rewind(start);
        return name;
    }
}

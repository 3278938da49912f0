using Vmm.Core.State;
using Vmm.Qmp.Wire;

namespace Vmm.Qmp.Sessions;

/// <summary>What another program has written of a session, read and checked before a session takes it.</summary>
internal abstract class SessionRecord
{
    /// <summary>Reads what every session has.</summary>
    /// <exception cref="StateException">It is damaged.</exception>
    protected SessionRecord(StateReader record)
    {
        HasSocket = record.ReadFlag();
        IsTyped = record.ReadFlag();
        Outbound = record.ReadBlob();
        Named = record.ReadList(record.ReadText);
        if (Named.Distinct(StringComparer.Ordinal).Count() != Named.Count)
        {
            throw RecordFields.Damaged("two descriptors have one name");
        }
    }

    /// <summary>Whether the client is at a socket; otherwise it is at standard input and output.</summary>
    internal bool HasSocket { get; }

    /// <summary>Whether a terminal that shows what is sent to it is behind the socket.</summary>
    internal bool IsTyped { get; }

    /// <summary>What the client has not been sent yet.</summary>
    internal byte[] Outbound { get; }

    /// <summary>The names that the client has given to descriptors.</summary>
    internal IReadOnlyList<string> Named { get; }

    /// <summary>How many descriptors there are besides the client's socket.</summary>
    internal virtual int DescriptorCount => Named.Count;
}

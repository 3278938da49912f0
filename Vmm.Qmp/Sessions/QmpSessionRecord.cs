using Vmm.Core.State;
using Vmm.Qmp.Wire;

namespace Vmm.Qmp.Sessions;

/// <summary>What another program has written of a QMP session.</summary>
internal sealed class QmpSessionRecord : SessionRecord
{
    /// <summary>Reads it.</summary>
    /// <exception cref="StateException">It is damaged.</exception>
    internal QmpSessionRecord(StateReader record)
        : base(record)
    {
        IsNegotiated = record.ReadFlag();
        HasOob = record.ReadFlag();
        ReceivedBytes = ReadPlace(record);
        Source.Load(record);
        Unread = record.ReadBlob();
        Requests = record.ReadList(() => QmpRequestRecord.Read(record));
        Sent = record.ReadList(() => (ReadPlace(record), ReadPlace(record)));
    }

    /// <summary>Whether the negotiation is over.</summary>
    internal bool IsNegotiated { get; }

    /// <summary>Whether out-of-band requests were negotiated.</summary>
    internal bool HasOob { get; }

    /// <summary>Bytes that the client has sent.</summary>
    internal long ReceivedBytes { get; }

    /// <summary>Where the input is: perhaps in the middle of a request.</summary>
    internal JsonSource Source { get; } = new();

    /// <summary>Input that was not looked at yet.</summary>
    internal byte[] Unread { get; }

    /// <summary>Requests that have not begun.</summary>
    internal IReadOnlyList<QmpRequestRecord> Requests { get; }

    /// <summary>Of each descriptor that no command has taken: the piece of the stream that it came with.</summary>
    internal IReadOnlyList<(long Start, long End)> Sent { get; }

    /// <inheritdoc/>
    internal override int DescriptorCount => base.DescriptorCount + Sent.Count;

    private static long ReadPlace(StateReader record) =>
        record.ReadUInt64() is var place and <= long.MaxValue ? (long)place : throw RecordFields.Damaged("a place in the input is none");
}

using Vmm.Core.State;

namespace Vmm.Core.Chardevs;

/// <summary>Output that is to be logged and is not in the file yet, in pieces of one size; the last may be full in part only.</summary>
internal sealed class OutputLogState
{
    /// <summary>The most bytes that wait: what a guest prints while the log's thread waits for a processor on a busy host.</summary>
    internal const int Capacity = 256 << 10;

    /// <summary>A process that is older than logs sends none.</summary>
    internal static readonly StateLayout<OutputLogState> Layout = new("chardev-log", version: 1, mayBeAbsent: true)
    {
        { "queued", s => ref s.Queued },
        { "count", s => ref s.Count },
        {
            "pieces",
            s => ref s.Pieces,
            new StateLayout<Piece>("chardev-log-piece", version: 1) { { "bytes", p => p.Bytes, Piece.Size } },
            "count",
            Capacity / Piece.Size
        },
    };

    internal Piece[] Pieces = [];

    /// <summary>How many bytes wait.</summary>
    internal int Queued;

    /// <summary>How many pieces they are in.</summary>
    internal int Count;

    /// <summary>What waits in a queue, from a byte on.</summary>
    internal static OutputLogState Of(ByteQueue queue, int from)
    {
        int queued = queue.Count - from;
        var state = new OutputLogState { Queued = queued, Count = CountOf(queued) };
        state.Pieces = new Piece[state.Count];
        for (int i = 0; i < state.Count; i++)
        {
            state.Pieces[i] = new Piece();
            queue.CopyTo(state.Pieces[i].Bytes, from + (i * Piece.Size));
        }

        return state;
    }

    /// <summary>Puts what was loaded into an empty queue.</summary>
    /// <exception cref="StateException">The numbers do not fit each other.</exception>
    internal void MoveTo(ByteQueue queue)
    {
        if (Queued is < 0 or > Capacity || Count != CountOf(Queued))
        {
            throw new StateException($"chardev-log queued: 0 to {Capacity} expected, {Queued} found in {Count} pieces");
        }

        for (int i = 0; i < Count; i++)
        {
            queue.Append(Pieces[i].Bytes.AsSpan(0, Math.Min(Piece.Size, Queued - (i * Piece.Size))));
        }
    }

    private static int CountOf(int queued) => (queued + Piece.Size - 1) / Piece.Size;

    /// <summary>Bytes of the queue.</summary>
    internal sealed class Piece
    {
        internal const int Size = 4096;

        internal readonly byte[] Bytes = new byte[Size];
    }
}

using Vmm.Core.State;

namespace Vmm.Core.Backends.Net;

/// <summary>What a stream has received and not given to its device, and the rest of a frame that is to be sent; in pieces of one size, the last full in part only.</summary>
internal sealed class StreamState
{
    internal static readonly StateLayout<StreamState> Layout = new("netdev-stream", version: 1)
    {
        { "received", s => ref s.Received },
        { "received_count", s => ref s.ReceivedCount },
        { "received_pieces", s => ref s.ReceivedPieces, Piece.Layout, "received_count", MostReceived },
        { "unsent", s => ref s.Unsent },
        { "unsent_count", s => ref s.UnsentCount },
        { "unsent_pieces", s => ref s.UnsentPieces, Piece.Layout, "unsent_count", MostUnsent },
    };

    private const int MostReceived = (StreamInput.Capacity + Piece.Size - 1) / Piece.Size;
    private const int MostUnsent = (StreamOutput.Capacity + Piece.Size - 1) / Piece.Size;

    /// <summary>How many bytes were received.</summary>
    internal uint Received;

    /// <summary>How many pieces they are in.</summary>
    internal uint ReceivedCount;

    internal Piece[] ReceivedPieces = [];

    /// <summary>How many bytes are to be sent.</summary>
    internal uint Unsent;

    /// <summary>How many pieces they are in.</summary>
    internal uint UnsentCount;

    internal Piece[] UnsentPieces = [];

    /// <summary>The record of these bytes.</summary>
    internal static StreamState Of(ReadOnlySpan<byte> received, ReadOnlySpan<byte> unsent)
    {
        var state = new StreamState
        {
            Received = (uint)received.Length,
            ReceivedPieces = Cut(received),
            Unsent = (uint)unsent.Length,
            UnsentPieces = Cut(unsent),
        };
        (state.ReceivedCount, state.UnsentCount) = ((uint)state.ReceivedPieces.Length, (uint)state.UnsentPieces.Length);
        return state;
    }

    /// <exception cref="StateException">No stream has saved such a record.</exception>
    internal void Check()
    {
        Check("received", Received, ReceivedCount, StreamInput.Capacity);
        Check("unsent", Unsent, UnsentCount, StreamOutput.Capacity);
    }

    /// <summary>Puts the bytes of pieces together.</summary>
    /// <param name="pieces">The pieces.</param>
    /// <param name="bytes">Where to; as many as there are.</param>
    internal static void Join(Piece[] pieces, Span<byte> bytes)
    {
        for (int at = 0; at < bytes.Length; at += Piece.Size)
        {
            pieces[at / Piece.Size].Bytes.AsSpan(0, Math.Min(Piece.Size, bytes.Length - at)).CopyTo(bytes[at..]);
        }
    }

    private static void Check(string field, uint bytes, uint count, int most)
    {
        if (bytes > most || count != (bytes + Piece.Size - 1) / Piece.Size)
        {
            throw new StateException($"netdev-stream {field}: 0 to {most} bytes expected, {bytes} found in {count} pieces");
        }
    }

    private static Piece[] Cut(ReadOnlySpan<byte> bytes)
    {
        var pieces = new Piece[(bytes.Length + Piece.Size - 1) / Piece.Size];
        for (int i = 0; i < pieces.Length; i++)
        {
            pieces[i] = new Piece();
            var rest = bytes[(i * Piece.Size)..];
            rest[..Math.Min(Piece.Size, rest.Length)].CopyTo(pieces[i].Bytes);
        }

        return pieces;
    }

    /// <summary>Bytes of a stream.</summary>
    internal sealed class Piece
    {
        internal const int Size = 4096;

        internal static readonly StateLayout<Piece> Layout = new("netdev-stream-piece", version: 1) { { "bytes", p => p.Bytes, Size } };

        internal readonly byte[] Bytes = new byte[Size];
    }
}

// What came from a stream and is not given to the device yet: whole frames and the beginning of the next, each after its length in four bytes.
//
// One buffer takes as much as the socket has, so that many short frames cost one system call. It is as large as the longest frame that the protocol
// knows, which is more than a device takes: such a frame is lost, and the one after it is found. What says that it is longer still, or empty, comes from
// a peer that speaks another protocol or has lost its place, and nothing after it can be believed.

using System.Buffers.Binary;

namespace Vmm.Core.Backends.Net;

/// <summary>The bytes between a stream socket and frames. Not thread-safe.</summary>
internal sealed class StreamInput
{
    /// <summary>The bytes of a frame's length.</summary>
    internal const int PrefixSize = sizeof(uint);

    /// <summary>The longest frame of the protocol: QEMU's NET_BUFSIZE.</summary>
    internal const int LongestFrame = 4096 + 65536;

    /// <summary>How many bytes there is room for.</summary>
    internal const int Capacity = LongestFrame + StreamState.Piece.Size;

    /// <summary>What <see cref="Next"/> answers to a length that no frame has.</summary>
    internal const int Malformed = -2;

    private readonly byte[] _bytes = new byte[Capacity];
    private int _first;
    private int _end;

    /// <summary>What is here.</summary>
    internal ReadOnlySpan<byte> Waiting => _bytes.AsSpan(_first, _end - _first);

    /// <summary>The length that comes next, which <see cref="Next"/> has found malformed.</summary>
    internal uint NextLength => Waiting.Length < PrefixSize ? 0 : BinaryPrimitives.ReadUInt32BigEndian(Waiting);

    /// <summary>Where more bytes go; there is always room while the next frame is not whole.</summary>
    internal Span<byte> Room()
    {
        if (_first == _end)
        {
            (_first, _end) = (0, 0);
        }
        else if (Capacity - _end < StreamState.Piece.Size || _first + PrefixSize + LongestFrame > Capacity)
        {
            Waiting.CopyTo(_bytes);
            (_first, _end) = (0, _end - _first);
        }

        return _bytes.AsSpan(_end);
    }

    /// <summary>Bytes have come to the beginning of <see cref="Room"/>.</summary>
    internal void Added(int count) => _end += count;

    /// <summary>Takes the next frame.</summary>
    /// <param name="frame">Where to.</param>
    /// <returns>
    /// Its length; <see cref="NetQueue.Later"/> while it is not whole, <see cref="NetQueue.Lost"/> for one that is longer than <paramref name="frame"/>, or
    /// <see cref="Malformed"/>.
    /// </returns>
    internal int Next(Span<byte> frame)
    {
        var waiting = Waiting;
        if (waiting.Length < PrefixSize)
        {
            return NetQueue.Later;
        }

        uint length = NextLength;
        if (length is 0 or > LongestFrame)
        {
            return Malformed;
        }

        if (waiting.Length < PrefixSize + (int)length)
        {
            return NetQueue.Later;
        }

        _first += PrefixSize + (int)length;
        if (length > frame.Length)
        {
            return NetQueue.Lost;
        }

        waiting.Slice(PrefixSize, (int)length).CopyTo(frame);
        return (int)length;
    }

    /// <summary>Forgets everything: the next byte begins a length.</summary>
    internal void Clear() => (_first, _end) = (0, 0);
}

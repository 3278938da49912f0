// Frames into a stream socket, each after its length in four bytes. They go from guest memory to the socket by one system call. If the socket takes a part,
// the rest is copied and waits here, so that the device can give its buffers back; nothing else is sent before it.
//
// The rest of a frame has to follow in any case, or the peer would take the next frames for it. So where the memory cannot be read any more, zeros follow: the
// peer gets one damaged frame, as from a bad cable, and every other one. A frame of more pieces than one call takes is copied before anything is sent.

using System.Buffers.Binary;
using System.Runtime.InteropServices;
using Vmm.Core.Native;

namespace Vmm.Core.Backends.Net;

/// <summary>The bytes between frames and a stream socket. Not thread-safe; allocates nothing while memory can be read.</summary>
internal sealed class StreamOutput
{
    /// <summary>How many bytes there is room for: those of one frame.</summary>
    internal const int Capacity = StreamInput.PrefixSize + NetQueue.LongestFrame;

    /// <summary>What <see cref="Send"/> and <see cref="TryFlush"/> answer when the socket takes nothing more, ever.</summary>
    internal const int Broken = -2;

    /// <summary>What they answer when the kernel has no memory for what waits: the same is to be tried again after a short time.</summary>
    internal const int Short = -3;

    private readonly byte[] _bytes = new byte[Capacity];
    private readonly byte[] _prefix = new byte[StreamInput.PrefixSize];
    private readonly NativeMethods.IoVector[] _pieces = new NativeMethods.IoVector[StreamSocket.MostPieces];
    private int _first;
    private int _end;

    /// <summary>What sends.</summary>
    internal StreamSocket.SendCall SendBy { get; set; } = StreamSocket.TrySend;

    /// <summary>What is still to be sent.</summary>
    internal ReadOnlySpan<byte> Waiting => _bytes.AsSpan(_first, _end - _first);

    /// <summary>Sends what waits.</summary>
    /// <returns>1 if nothing waits any more, <see cref="NetQueue.Later"/>, <see cref="Short"/>, or <see cref="Broken"/>.</returns>
    internal int TryFlush(SafeHandle socket)
    {
        while (_first < _end)
        {
            int sent = SendBy(socket, Waiting, _pieces.AsSpan(0, 1));
            if (sent < 0)
            {
                return sent == -StreamSocket.NotNow ? NetQueue.Later : StreamSocket.IsShortage(-sent) ? Short : Broken;
            }

            _first += sent;
        }

        return 1;
    }

    /// <summary>Sends a frame after what waits.</summary>
    /// <returns><paramref name="length"/>, <see cref="NetQueue.Later"/>, <see cref="NetQueue.Lost"/>, <see cref="Short"/>, or <see cref="Broken"/>.</returns>
    internal int Send(SafeHandle socket, ReadOnlySpan<NativeMethods.IoVector> frame, int length)
    {
        if (length is <= 0 or > NetQueue.LongestFrame)
        {
            return NetQueue.Lost;
        }

        int flushed = TryFlush(socket);
        if (flushed <= 0)
        {
            return flushed;
        }

        BinaryPrimitives.WriteUInt32BigEndian(_prefix, (uint)length);
        int sent = frame.Length < StreamSocket.MostPieces ? SendPieces(socket, frame) : SendCopy(socket, frame, length);
        if (sent < 0)
        {
            return sent == -StreamSocket.NotNow ? NetQueue.Later
                : sent == -StreamSocket.BadAddress || StreamSocket.IsShortage(-sent) ? NetQueue.Lost
                : Broken;
        }

        return sent == StreamInput.PrefixSize + length || TryKeep(frame, length, sent) ? length : NetQueue.Lost;
    }

    /// <summary>Puts what was saved back.</summary>
    internal void Restore(ReadOnlySpan<byte> waiting)
    {
        waiting.CopyTo(_bytes);
        (_first, _end) = (0, waiting.Length);
    }

    /// <summary>Forgets what waits.</summary>
    internal void Clear() => (_first, _end) = (0, 0);

    private int SendPieces(SafeHandle socket, ReadOnlySpan<NativeMethods.IoVector> frame)
    {
        frame.CopyTo(_pieces.AsSpan(1));
        return SendBy(socket, _prefix, _pieces.AsSpan(0, 1 + frame.Length));
    }

    private int SendCopy(SafeHandle socket, ReadOnlySpan<NativeMethods.IoVector> frame, int length)
    {
        bool isWhole = TryKeep(frame, length, sent: 0);
        Clear();
        if (!isWhole)
        {
            return -StreamSocket.BadAddress;
        }

        return SendBy(socket, _bytes.AsSpan(0, StreamInput.PrefixSize + length), _pieces.AsSpan(0, 1));
    }

    /// <summary>Keeps what follows the bytes of a frame that were sent.</summary>
    /// <returns>Whether the memory could be read; otherwise there are zeros.</returns>
    private bool TryKeep(ReadOnlySpan<NativeMethods.IoVector> frame, int length, int sent)
    {
        _prefix.CopyTo(_bytes, 0);
        (_first, _end) = (sent, StreamInput.PrefixSize + length);
        int at = StreamInput.PrefixSize;
        bool isWhole = true;
        foreach (var piece in frame)
        {
            int count = (int)Math.Min(piece.Length, (nuint)(_end - at));
            int skipped = Math.Clamp(sent - at, 0, count);
            isWhole &= TryCopy(piece.Base + skipped, _bytes.AsSpan(at + skipped, count - skipped));
            at += count;
        }

        _bytes.AsSpan(at, _end - at).Clear();
        return isWhole && at == _end;
    }

    private static bool TryCopy(nint address, Span<byte> bytes)
    {
        try
        {
            MemoryCopy.CopyFrom(address, bytes);
            return true;
        }
        catch (PosixException)
        {
            bytes.Clear();
            return false;
        }
    }
}

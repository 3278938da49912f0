using System.Buffers.Binary;
using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;
using Vmm.Core.Backends.Net;
using Vmm.Core.Native;

namespace Vmm.Tests.Unit.Backends.Net;

/// <summary>Frames as tests make them, and as they are on a stream.</summary>
internal static class StreamFrames
{
    /// <summary>No address of a process, so that the kernel cannot read there.</summary>
    internal const nint NoMemory = 0x1000;

    private static readonly byte[] Pattern = [.. Enumerable.Range(0, 1 << 17).Select(i => (byte)((i * 7) + ((i >> 8) * 13)))];

    [ThreadStatic]
    private static byte[]? _memory;

    /// <summary>A frame of a length whose bytes depend on a number.</summary>
    internal static byte[] Frame(int length, int seed) => Pattern.AsSpan(seed & 0xff, length).ToArray();

    /// <summary>A frame after its length.</summary>
    internal static byte[] OnWire(ReadOnlySpan<byte> frame)
    {
        byte[] wire = new byte[4 + frame.Length];
        BinaryPrimitives.WriteUInt32BigEndian(wire, (uint)frame.Length);
        frame.CopyTo(wire.AsSpan(4));
        return wire;
    }

    /// <summary>The frames of a stream, read independently of the product; the rest is dropped.</summary>
    internal static List<byte[]> Parse(ReadOnlySpan<byte> wire)
    {
        var frames = new List<byte[]>();
        while (wire.Length >= 4 && BinaryPrimitives.ReadUInt32BigEndian(wire) is > 0 and <= 69632 and var length && wire.Length >= 4 + (int)length)
        {
            frames.Add(wire.Slice(4, (int)length).ToArray());
            wire = wire[(4 + (int)length)..];
        }

        return frames;
    }

    /// <summary>A frame in memory that does not move, in pieces; until the thread asks for the next one.</summary>
    internal static NativeMethods.IoVector[] Pieces(byte[] frame, int pieceSize = int.MaxValue)
    {
        _memory ??= GC.AllocateArray<byte>(1 << 17, pinned: true);
        frame.CopyTo(_memory, 0);
        var pieces = new List<NativeMethods.IoVector>();
        for (int at = 0; at < frame.Length; at += Math.Min(pieceSize, frame.Length - at))
        {
            pieces.Add(new() { Base = Marshal.UnsafeAddrOfPinnedArrayElement(_memory, at), Length = (nuint)Math.Min(pieceSize, frame.Length - at) });
        }

        return [.. pieces];
    }

    internal static int Send(this NetQueue queue, byte[] frame) => queue.Send(Pieces(frame), frame.Length);

    /// <summary>The next frame; null if none is there.</summary>
    internal static byte[]? ReceiveFrame(this NetQueue queue)
    {
        byte[] buffer = new byte[NetQueue.LongestFrame];
        int length = queue.Receive(buffer);
        return length > 0 ? buffer[..length] : null;
    }

    /// <summary>What is in a socket now.</summary>
    internal static byte[] ReadAll(SafeFileHandle socket, int most = int.MaxValue)
    {
        var all = new List<byte>();
        byte[] buffer = new byte[1 << 16];
        while (all.Count < most && StreamSocket.TryReceive(socket, buffer.AsSpan(0, Math.Min(buffer.Length, most - all.Count))) is > 0 and var got)
        {
            all.AddRange(buffer.AsSpan(0, got));
        }

        return [.. all];
    }
}

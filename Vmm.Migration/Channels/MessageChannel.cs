// Messages with descriptors on a unix stream socket: what the two processes of a handover say to each other.
//
// A message is a header of 16 bytes, a body, and from protocol version 2 on, once both have greeted, a checksum of both:
//     u32 magic "VMMc"   u16 type   u16 descriptors   u32 body length   u32 sequence number   body   u32 CRC-32C
// All integers are big endian. The sequence counts up from 0 in each direction, so a message that was lost, repeated or
// moved shows. Descriptors ride on the header's first byte, at most 253 a message; the count in the header must be met
// exactly. The peer is not trusted: a length or a count beyond the limits of its type ends the channel before memory is spent on it, and
// memory is spent on what came and not on what was announced.

using System.Buffers.Binary;
using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;
using Vmm.Core.Loop;
using Vmm.Core.Native;
using Vmm.Core.State;

namespace Vmm.Migration.Channels;

/// <summary>The cpr channel. Loop thread only.</summary>
internal sealed class MessageChannel : IDisposable
{
    private const uint Magic = 0x564d_4d63;
    private const int HeaderSize = 16;

    /// <summary>The first protocol version whose messages end in a checksum.</summary>
    private const ushort HasChecksum = 2;

    private readonly EventLoop _loop;
    private readonly LoopSocket _socket;
    private readonly byte[] _header = new byte[HeaderSize];
    private uint _sent;
    private uint _received;
    private int _checksumSize;

    /// <summary>Begins on a connected socket.</summary>
    /// <param name="loop">The machine loop.</param>
    /// <param name="socket">The socket, which now belongs to the channel.</param>
    /// <param name="name">The peer in texts, where it is not the process that made the connection.</param>
    internal MessageChannel(EventLoop loop, SafeFileHandle socket, string? name = null)
    {
        _loop = loop;
        _socket = new LoopSocket(loop, socket);
        var (process, user) = _socket.Peer;
        PeerProcessId = process;
        PeerUserId = user;
        PeerName = name ?? (process > 0 ? $"process {process}" : "a process in another pid namespace");
    }

    /// <summary>The process at the other end when the connection was made; 0 if it is in a pid namespace that this one does not see.</summary>
    internal int PeerProcessId { get; }

    /// <summary>That process's effective user.</summary>
    internal uint PeerUserId { get; }

    /// <summary>The peer in an error text.</summary>
    internal string PeerName { get; }

    /// <summary>Whether the peer has closed it.</summary>
    internal bool HasHungUp => _socket.HasHungUp;

    /// <summary>A descriptor that stands for that process; null where the kernel does not say.</summary>
    internal SafeFileHandle? OpenPeer() => _socket.OpenPeer();

    /// <summary>Both have greeted: from now on messages are those of this protocol version.</summary>
    internal void Settle(ushort protocol) => _checksumSize = protocol >= HasChecksum ? sizeof(uint) : 0;

    /// <summary>Sends a message.</summary>
    /// <param name="type">What it says.</param>
    /// <param name="body">Its body.</param>
    /// <param name="descriptors">Descriptors to go with it; they stay open here.</param>
    /// <param name="deadline">By when the peer must have taken it.</param>
    /// <exception cref="PeerEndedException">The peer has closed.</exception>
    /// <exception cref="HandoverException">The peer was too late, or the channel broke.</exception>
    internal async ValueTask SendAsync(
        MessageType type, StateWriter body, IReadOnlyList<SafeHandle> descriptors, Deadline deadline)
    {
        var frame = new byte[HeaderSize + body.Length + _checksumSize];
        BinaryPrimitives.WriteUInt32BigEndian(frame, Magic);
        BinaryPrimitives.WriteUInt16BigEndian(frame.AsSpan(4), (ushort)type);
        BinaryPrimitives.WriteUInt16BigEndian(frame.AsSpan(6), (ushort)descriptors.Count);
        BinaryPrimitives.WriteUInt32BigEndian(frame.AsSpan(8), (uint)body.Length);
        BinaryPrimitives.WriteUInt32BigEndian(frame.AsSpan(12), _sent++);
        body.Written.CopyTo(frame.AsSpan(HeaderSize));
        if (_checksumSize > 0)
        {
            BinaryPrimitives.WriteUInt32BigEndian(frame.AsSpan(^_checksumSize..), Checksum.Of(frame.AsSpan(..^_checksumSize)));
        }

        using var borrowed = new BorrowedDescriptors(descriptors);
        try
        {
            await _socket.SendAsync(frame, borrowed.Numbers, deadline);
        }
        catch (PosixException e)
        {
            string failure = $"cannot send {type} to {PeerName}: {e.Reason}";
            throw e.Errno == HostSocket.BrokenPipe ? new PeerEndedException(failure, e) : new HandoverException(failure, e);
        }
    }

    /// <summary>Sends a message without descriptors.</summary>
    internal ValueTask SendAsync(MessageType type, StateWriter body, Deadline deadline) => SendAsync(type, body, [], deadline);

    /// <summary>Receives the next message.</summary>
    /// <param name="descriptors">Received descriptors are added here, in order, and belong to the caller, also when this fails.</param>
    /// <param name="deadline">By when it must be here.</param>
    /// <exception cref="HandoverException">The peer closed, was too late, or sent what no honest peer sends.</exception>
    internal async ValueTask<Message> ReceiveAsync(ICollection<SafeFileHandle> descriptors, Deadline deadline)
    {
        int before = descriptors.Count;
        await FillAsync(_header, descriptors, before + UnixSocket.MostDescriptors, deadline);
        uint magic = BinaryPrimitives.ReadUInt32BigEndian(_header);
        int count = BinaryPrimitives.ReadUInt16BigEndian(_header.AsSpan(6));
        uint length = BinaryPrimitives.ReadUInt32BigEndian(_header.AsSpan(8));
        uint sequence = BinaryPrimitives.ReadUInt32BigEndian(_header.AsSpan(12));
        var type = (MessageType)BinaryPrimitives.ReadUInt16BigEndian(_header.AsSpan(4));
        if (magic != Magic)
        {
            throw new HandoverException($"{PeerName} does not speak the handover protocol: magic 0x{Magic:x8} expected, 0x{magic:x8} received");
        }

        if (sequence != _received++)
        {
            throw new HandoverException($"{PeerName} sent message number {sequence} where {_received - 1} was expected");
        }

        int largest = ProtocolLimits.LargestBody(type);
        if (length > largest || count > UnixSocket.MostDescriptors)
        {
            throw new HandoverException(
                $"{PeerName} announced a message of {length} bytes and {count} descriptors; at most {largest} and {UnixSocket.MostDescriptors} are taken for {type}");
        }

        var rest = deadline.ForPart(ProtocolLimits.MessageTime, PeerName, "did not finish a message");
        byte[] frame = await ReadRestAsync(HeaderSize + (int)length + _checksumSize, descriptors, before + UnixSocket.MostDescriptors, rest);
        if (_checksumSize > 0)
        {
            Verify(frame);
        }

        return descriptors.Count - before == count
            ? new Message(type, frame.AsMemory(HeaderSize, (int)length))
            : throw new HandoverException($"{PeerName} announced {count} descriptors with {type} and sent {descriptors.Count - before}");
    }

    /// <summary>Waits on the channel's loop.</summary>
    internal Task PauseAsync(TimeSpan time) => _loop.Delay(time);

    /// <summary>Closes the channel; a waiter gets an error.</summary>
    public void Dispose() => _socket.Dispose();

    private void Verify(ReadOnlySpan<byte> frame)
    {
        uint expected = BinaryPrimitives.ReadUInt32BigEndian(frame[^_checksumSize..]);
        uint actual = Checksum.Of(frame[..^_checksumSize]);
        if (actual != expected)
        {
            throw new HandoverException($"a message of {PeerName} is damaged: checksum 0x{expected:x8} expected, 0x{actual:x8} found");
        }
    }

    /// <summary>The whole message, header and all, in a buffer that grows with what has come.</summary>
    private async ValueTask<byte[]> ReadRestAsync(int size, ICollection<SafeFileHandle> descriptors, int mostDescriptors, Deadline deadline)
    {
        byte[] frame = new byte[Math.Min(size, ProtocolLimits.FirstBuffer)];
        _header.CopyTo(frame, 0);
        for (int filled = HeaderSize; filled < size; filled = frame.Length)
        {
            if (filled == frame.Length)
            {
                Array.Resize(ref frame, Math.Min(size, 2 * frame.Length));
            }

            await FillAsync(frame.AsMemory(filled), descriptors, mostDescriptors, deadline);
        }

        return frame;
    }

    private async ValueTask FillAsync(Memory<byte> buffer, ICollection<SafeFileHandle> descriptors, int mostDescriptors, Deadline deadline)
    {
        while (!buffer.IsEmpty)
        {
            int got;
            try
            {
                got = await _socket.ReceiveAsync(buffer, descriptors, deadline);
            }
            catch (PosixException e) when (e.Errno == HostSocket.ConnectionReset)
            {
                // It closed before it had read everything: the end of the stream too, reported as an error.
                got = 0;
            }
            catch (Exception e) when (e is IOException or ObjectDisposedException)
            {
                throw new HandoverException($"the cpr channel to {PeerName} broke: {(e as PosixException)?.Reason ?? e.Message}", e);
            }

            if (got == 0)
            {
                throw new PeerEndedException($"{PeerName} closed the cpr channel");
            }

            // Each byte may bring as many as a whole message may.
            if (descriptors.Count > mostDescriptors)
            {
                throw new HandoverException($"{PeerName} sent more than the {UnixSocket.MostDescriptors} descriptors that a message may carry");
            }

            buffer = buffer[got..];
        }
    }
}

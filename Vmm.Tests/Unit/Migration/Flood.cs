// Valid messages without end: right magic, sequence and checksum, and nothing wrong with any of them but that there is always another one.

using System.Buffers.Binary;
using System.Net.Sockets;
using Microsoft.Win32.SafeHandles;
using Vmm.Core.Native;
using Vmm.Migration.Channels;

namespace Vmm.Tests.Unit.Migration;

/// <summary>Fills a connection with messages from a thread of its own, as fast as they are taken, until disposed or until the other side closes.</summary>
internal sealed class Flood : IDisposable
{
    private readonly SafeFileHandle _connection;
    private readonly Socket _socket;
    private readonly Thread _sender;
    private readonly TaskCompletionSource _ended = new(TaskCreationOptions.RunContinuationsAsynchronously);

    /// <summary>Begins.</summary>
    /// <param name="connection">The connection, on which both have greeted; it stays the caller's.</param>
    /// <param name="sequence">The number of the first message.</param>
    /// <param name="first">What the first message says; all others are signs of life.</param>
    internal Flood(SafeFileHandle connection, uint sequence, MessageType first = MessageType.Waiting)
    {
        _connection = FileDescriptor.Duplicate(connection);
        _socket = new Socket(new SafeSocketHandle(_connection.DangerousGetHandle(), ownsHandle: false));
        _sender = new Thread(() => Send(first, sequence)) { IsBackground = true, Name = "flood" };
        _sender.Start();
    }

    /// <summary>Completes when the other side takes no more because it has closed.</summary>
    internal Task Ended => _ended.Task;

    /// <summary>A message without a body.</summary>
    internal static byte[] Frame(MessageType type, uint sequence, bool hasChecksum = true)
    {
        byte[] frame = new byte[hasChecksum ? 20 : 16];
        "VMMc"u8.CopyTo(frame);
        BinaryPrimitives.WriteUInt16BigEndian(frame.AsSpan(4), (ushort)type);
        BinaryPrimitives.WriteUInt32BigEndian(frame.AsSpan(12), sequence);
        if (hasChecksum)
        {
            BinaryPrimitives.WriteUInt32BigEndian(frame.AsSpan(16), Checksum.Of(frame.AsSpan(0, 16)));
        }

        return frame;
    }

    public void Dispose()
    {
        try
        {
            _socket.Shutdown(SocketShutdown.Both);
        }
        catch (SocketException)
        {
            // The other side was faster.
        }

        _sender.Join();
        _socket.Dispose();
        _connection.Dispose();
    }

    private void Send(MessageType first, uint sequence)
    {
        try
        {
            byte[] frames = Frame(first, sequence++);
            while (true)
            {
                for (int at = 0; at < frames.Length;)
                {
                    int sent = UnixSocket.Send(_connection, frames.AsSpan(at), []);
                    if (sent == FileDescriptor.WouldBlock)
                    {
                        _socket.Poll(TimeSpan.FromSeconds(1), SelectMode.SelectWrite);
                        continue;
                    }

                    at += sent;
                }

                frames = [.. Enumerable.Range(0, 1000).SelectMany(i => Frame(MessageType.Waiting, sequence + (uint)i))];
                sequence += 1000;
            }
        }
        catch (PosixException)
        {
            _ended.TrySetResult();
        }
    }
}

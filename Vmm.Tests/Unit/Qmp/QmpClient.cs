using System.Net.Sockets;
using System.Text;
using Microsoft.Win32.SafeHandles;
using Vmm.Core.Native;

namespace Vmm.Tests.Unit.Qmp;

/// <summary>The other end of a QMP socket, as bytes and as messages that end with CR LF.</summary>
internal sealed class QmpClient : IDisposable
{
    private readonly Socket _socket = new(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified)
    {
        ReceiveTimeout = 20_000,
        SendTimeout = 20_000,
    };

    private readonly List<byte> _received = [];

    internal QmpClient(string path) => _socket.Connect(new UnixDomainSocketEndPoint(path));

    internal void Send(string text) => Send(Encoding.UTF8.GetBytes(text));

    internal void Send(ReadOnlySpan<byte> bytes)
    {
        while (!bytes.IsEmpty)
        {
            bytes = bytes[_socket.Send(bytes)..];
        }
    }

    internal void SendWith(string text, SafeFileHandle descriptor) =>
        UnixSocket.Send(_socket.SafeHandle, Encoding.UTF8.GetBytes(text), [(int)descriptor.DangerousGetHandle()]);

    internal void EndSending() => _socket.Shutdown(SocketShutdown.Send);

    /// <summary>The next message without its CR LF.</summary>
    internal string ReadText()
    {
        while (true)
        {
            int end = System.Runtime.InteropServices.CollectionsMarshal.AsSpan(_received).IndexOf("\r\n"u8);
            if (end >= 0)
            {
                string text = Encoding.Latin1.GetString([.. _received[..end]]);
                _received.RemoveRange(0, end + 2);
                return text;
            }

            if (!Receive())
            {
                throw new EndOfStreamException($"the monitor closed; left over: '{Encoding.Latin1.GetString([.. _received])}'");
            }
        }
    }

    internal string Ask(string request)
    {
        Send(request);
        return ReadText();
    }

    /// <summary>Reads to the end of the stream.</summary>
    internal string ReadToEnd()
    {
        while (Receive())
        {
        }

        return Encoding.Latin1.GetString([.. _received]);
    }

    public void Dispose() => _socket.Dispose();

    private bool Receive()
    {
        byte[] piece = new byte[65536];
        int got = _socket.Receive(piece);
        _received.AddRange(piece.AsSpan(0, got));
        return got > 0;
    }
}

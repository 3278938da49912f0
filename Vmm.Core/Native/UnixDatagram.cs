using Microsoft.Win32.SafeHandles;
using Tmds.Linux;
using static Tmds.Linux.LibC;
using static Vmm.Core.Native.NativeCall;

namespace Vmm.Core.Native;

/// <summary>Unix datagram sockets: single messages to a name.</summary>
internal static class UnixDatagram
{
    /// <summary>Sends one message to the socket at a path, without waiting.</summary>
    /// <returns>False where the socket's queue is full.</returns>
    /// <exception cref="PosixException">There is no such socket, or this process may not send to it.</exception>
    /// <exception cref="ArgumentException">The path is longer than one of a socket can be.</exception>
    internal static bool TrySend(string path, ReadOnlySpan<byte> message) =>
        TrySend(UnixSocket.AddressOf(path, out int length), length, message, $"send to '{path}'");

    /// <summary>Sends one message to the socket of a name in the abstract name space, without waiting.</summary>
    /// <inheritdoc cref="TrySend(string, ReadOnlySpan{byte})"/>
    internal static bool TrySendAbstract(string name, ReadOnlySpan<byte> message) =>
        TrySend(UnixSocket.AbstractAddressOf(name, tight: true, out int length), length, message, $"send to the abstract name '{name}'");

    private static unsafe bool TrySend(sockaddr_un address, int length, ReadOnlySpan<byte> message, string operation)
    {
        using var sender = Create();
        using var fd = new BorrowedDescriptor(sender);
        fixed (byte* bytes = message)
        {
            int moved;
            while (!Settle((nint)sendto(fd, bytes, message.Length, MSG_DONTWAIT | MSG_NOSIGNAL, (sockaddr*)&address, length), operation, out moved))
            {
            }

            return moved != FileDescriptor.WouldBlock;
        }
    }

    private static SafeFileHandle Create() => Own(socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0), "socket");
}

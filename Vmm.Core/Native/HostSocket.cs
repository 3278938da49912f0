using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;
using Tmds.Linux;
using static Tmds.Linux.LibC;
using static Vmm.Core.Native.NativeCall;

namespace Vmm.Core.Native;

/// <summary>Stream sockets of either kind: accepting, moving bytes, what kind a socket is.</summary>
public static class HostSocket
{
    internal const int AddressSpace = 128; // sizeof(struct sockaddr_storage)

    /// <summary>The error of a receive whose peer closed with bytes left unread.</summary>
    public static readonly int ConnectionReset = ECONNRESET;

    /// <summary>The error of a send whose peer has closed.</summary>
    public static readonly int BrokenPipe = EPIPE;

    private const int SocketDomain = 39; // SO_DOMAIN

    /// <summary>The error that a socket has met, which is taken from it; 0 for none.</summary>
    public static int ErrorOf(SafeHandle handle) => TryGetOption(handle, SO_ERROR, out int error) ? error : EBADF;

    /// <summary>Whether a socket is a unix one, so that the kernel knows the process at its other end.</summary>
    public static bool IsUnix(SafeHandle handle) => TryGetOption(handle, SocketDomain, out int domain) && domain == AF_UNIX;

    /// <summary>Ends a connection in both directions, whichever processes have it open. One that has ended already (ENOTCONN) stays so.</summary>
    public static void Shutdown(SafeHandle handle)
    {
        using var fd = new BorrowedDescriptor(handle);
        int result = shutdown(fd, SHUT_RDWR);
        if (result < 0 && LastError != ENOTCONN)
        {
            throw new PosixException("shutdown", LastError);
        }
    }

    internal static unsafe void SetOption(SafeHandle handle, int level, int option, int value, string name)
    {
        using var fd = new BorrowedDescriptor(handle);
        Check(setsockopt(fd, level, option, &value, sizeof(int)), name);
    }

    /// <summary>Whether a descriptor is a stream socket, unix or TCP.</summary>
    public static bool IsStream(SafeHandle handle) =>
        TryGetOption(handle, SO_TYPE, out int type) && type == SOCK_STREAM
        && TryGetOption(handle, SocketDomain, out int domain) && (domain == AF_UNIX || domain == AF_INET || domain == AF_INET6);

    /// <summary>Whether a socket is connected to another one.</summary>
    public static unsafe bool HasPeer(SafeHandle handle)
    {
        byte* address = stackalloc byte[AddressSpace];
        socklen_t length = AddressSpace;
        using var fd = new BorrowedDescriptor(handle);

        // The kernel writes no more than the length that it is given.
        return getpeername(fd, (sockaddr*)address, &length) == 0;
    }

    /// <summary>
    /// Whether a listening socket was shut down, by this or another process that has it: it accepts no client any more. Accepting does not say
    /// so: a socket that does not wait finds no client, while it is always reported as ready.
    /// </summary>
    public static bool IsShutDown(SafeHandle listener) => (FileDescriptor.PollNow(listener, FdEvents.ReadEnd) & (FdEvents.ReadEnd | FdEvents.HangUp)) != 0;

    /// <summary>Accepts a connection, non-blocking and close-on-exec; null when none is waiting.</summary>
    public static unsafe SafeFileHandle? Accept(SafeHandle listener)
    {
        using var fd = new BorrowedDescriptor(listener);
        while (true)
        {
            int accepted = accept4(fd, null, null, SOCK_CLOEXEC | SOCK_NONBLOCK);
            if (accepted >= 0)
            {
                return new SafeFileHandle(accepted, ownsHandle: true);
            }

            if (LastError == EAGAIN || LastError == ECONNABORTED)
            {
                return null;
            }

            if (LastError != EINTR)
            {
                throw new PosixException("accept", LastError);
            }
        }
    }

    /// <summary>Whether a descriptor is a listening socket.</summary>
    public static bool IsListening(SafeHandle handle) => TryGetOption(handle, SO_ACCEPTCONN, out int value) && value != 0;

    internal static unsafe bool TryGetOption(SafeHandle handle, int option, out int value)
    {
        int got = 0;
        socklen_t length = sizeof(int);
        using var fd = new BorrowedDescriptor(handle);
        bool ok = getsockopt(fd, SOL_SOCKET, option, &got, &length) == 0;
        value = got;
        return ok;
    }

    /// <summary>Whether a descriptor is a socket.</summary>
    public static bool IsSocket(SafeHandle handle) => TryGetOption(handle, SO_TYPE, out _);

    /// <summary>Receives without waiting. Descriptors that came along are closed by the kernel.</summary>
    /// <returns>Bytes received, 0 at the end, or <see cref="FileDescriptor.WouldBlock"/>.</returns>
    internal static unsafe int ReceiveNow(SafeHandle handle, Span<byte> buffer)
    {
        using var fd = new BorrowedDescriptor(handle);
        fixed (byte* p = buffer)
        {
            int moved;
            while (!Settle((nint)recv(fd, p, buffer.Length, MSG_DONTWAIT), "recv", out moved))
            {
            }

            return moved;
        }
    }

    /// <summary>Sends without waiting.</summary>
    /// <returns>Bytes sent, or <see cref="FileDescriptor.WouldBlock"/>.</returns>
    internal static unsafe int SendNow(SafeHandle handle, ReadOnlySpan<byte> buffer)
    {
        using var fd = new BorrowedDescriptor(handle);
        fixed (byte* p = buffer)
        {
            int moved;
            while (!Settle((nint)send(fd, p, buffer.Length, MSG_DONTWAIT | MSG_NOSIGNAL), "send", out moved))
            {
            }

            return moved;
        }
    }
}

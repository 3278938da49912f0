// Bytes through a connected stream socket, as a network back end moves them for each frame: without waiting, and a refusal is a negative error number
// and no exception, because a peer decides how often one comes. The kernel copies from the pieces, so memory that cannot be had is an error (EFAULT).

using System.Runtime.InteropServices;
using Tmds.Linux;
using static Tmds.Linux.LibC;
using static Vmm.Core.Native.NativeCall;

namespace Vmm.Core.Native;

/// <summary>Receiving and sending on a stream socket, whatever its mode. Allocates nothing.</summary>
internal static class StreamSocket
{
    /// <summary>The most pieces that one call sends (the kernel's UIO_MAXIOV).</summary>
    internal const int MostPieces = 1024;

    /// <summary>The error of a socket without bytes to receive, or without room to send.</summary>
    internal static readonly int NotNow = EAGAIN;

    /// <summary>The error of pieces that the kernel cannot read.</summary>
    internal static readonly int BadAddress = EFAULT;

    /// <summary>The errors of a kernel that has no memory for what is sent, at this moment.</summary>
    internal static bool IsShortage(int error) => error == ENOBUFS || error == ENOMEM;

    /// <summary>As <see cref="TryReceive"/>.</summary>
    internal delegate int ReceiveCall(SafeHandle socket, Span<byte> buffer);

    /// <summary>As <see cref="TrySend"/>.</summary>
    internal delegate int SendCall(SafeHandle socket, ReadOnlySpan<byte> head, Span<NativeMethods.IoVector> pieces);

    /// <summary>Receives. Descriptors that came along are closed by the kernel.</summary>
    /// <returns>How many bytes, 0 at the end of the stream, or an error number below zero.</returns>
    internal static unsafe int TryReceive(SafeHandle socket, Span<byte> buffer) => Receive(socket, buffer, MSG_DONTWAIT);

    /// <summary>Sends bytes, and pieces of memory after them.</summary>
    /// <param name="socket">The socket.</param>
    /// <param name="head">The bytes.</param>
    /// <param name="pieces">The pieces from the second on; the first is the place for <paramref name="head"/>. At most <see cref="MostPieces"/>.</param>
    /// <returns>How many bytes, which may be less than there are, or an error number below zero.</returns>
    internal static unsafe int TrySend(SafeHandle socket, ReadOnlySpan<byte> head, Span<NativeMethods.IoVector> pieces)
    {
        using var fd = new BorrowedDescriptor(socket);
        fixed (byte* bytes = head)
        fixed (NativeMethods.IoVector* first = pieces)
        {
            // The address is used by this call alone, while the bytes stay where they are.
            first[0] = new NativeMethods.IoVector { Base = (nint)bytes, Length = (nuint)head.Length };
            var message = new msghdr { msg_iov = (iovec*)first, msg_iovlen = pieces.Length };
            nint sent;
            do
            {
                sent = (nint)sendmsg(fd, &message, MSG_DONTWAIT | MSG_NOSIGNAL);
            }
            while (sent < 0 && LastError == EINTR);
            return sent < 0 ? -LastError : (int)sent;
        }
    }

    /// <summary>Whether the stream has ended with nothing left to receive. Takes nothing out.</summary>
    internal static bool HasEnded(SafeHandle socket)
    {
        Span<byte> next = stackalloc byte[1];
        int got = Receive(socket, next, MSG_DONTWAIT | MSG_PEEK);
        return got <= 0 && got != -EAGAIN;
    }

    private static unsafe int Receive(SafeHandle socket, Span<byte> buffer, int flags)
    {
        using var fd = new BorrowedDescriptor(socket);
        fixed (byte* p = buffer)
        {
            nint got;
            do
            {
                got = (nint)recv(fd, p, buffer.Length, flags);
            }
            while (got < 0 && LastError == EINTR);
            return got < 0 ? -LastError : (int)got;
        }
    }
}

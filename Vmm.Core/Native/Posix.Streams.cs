using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;
using Tmds.Linux;
using static Tmds.Linux.LibC;

namespace Vmm.Core.Native;

internal static partial class Posix
{
    /// <summary>
    /// Opens a pipe or terminal once more for output, non-blocking, so that a process that shares the first opening does not see its mode
    /// change; null where that is not allowed.
    /// </summary>
    internal static SafeFileHandle? ReopenForOutput(SafeHandle handle)
    {
        using var fd = new Borrowed(handle);
        try
        {
            return OpenPath($"/proc/self/fd/{(int)fd}", O_WRONLY | O_NOCTTY | O_NONBLOCK, 0);
        }
        catch (PosixException)
        {
            return null;
        }
    }

    /// <summary>Whether a descriptor is a socket.</summary>
    internal static bool IsSocket(SafeHandle handle) => TryGetOption(handle, SO_TYPE, out _);

    /// <summary>Whether a descriptor has a position: regular files and block devices do, streams do not.</summary>
    internal static bool IsSeekable(SafeHandle handle)
    {
        using var fd = new Borrowed(handle);
        return (long)lseek(fd, 0, SEEK_CUR) >= 0;
    }

    /// <summary>Whether a descriptor is open for writing.</summary>
    internal static bool IsWritable(SafeHandle handle)
    {
        using var fd = new Borrowed(handle);
        int flags = fcntl(fd, F_GETFL);
        return flags >= 0 && (flags & O_ACCMODE) != O_RDONLY;
    }

    /// <summary>Waits without an end until a descriptor is ready; for threads that are not waited for.</summary>
    /// <returns>Which of <paramref name="events"/> are ready, plus errors and hang-up.</returns>
    internal static unsafe FdEvents WaitFor(SafeHandle handle, FdEvents events)
    {
        using var fd = new Borrowed(handle);
        var poller = new pollfd { fd = fd, events = (short)events };
        while (poll(&poller, 1, -1) < 0)
        {
            if (errno != EINTR)
            {
                throw new PosixException("poll", errno);
            }
        }

        return (FdEvents)poller.revents;
    }

    /// <summary>Reads at most once and only if that cannot wait, whatever the descriptor's mode.</summary>
    /// <returns>Bytes read, 0 at the end, or <see cref="WouldBlock"/>.</returns>
    internal static int ReadNow(SafeHandle handle, Span<byte> buffer) =>
        PollNow(handle, FdEvents.In) == FdEvents.None ? WouldBlock : Read(handle, buffer);

    /// <summary>
    /// Writes at most once and only while the descriptor says that it has room. A signal that interrupts the write makes it ask again.
    /// </summary>
    /// <returns>Bytes written, or <see cref="WouldBlock"/>.</returns>
    internal static unsafe int WriteNow(SafeHandle handle, ReadOnlySpan<byte> buffer)
    {
        using var fd = new Borrowed(handle);
        while (true)
        {
            var ready = PollNow(handle, FdEvents.Out);
            if (ready == FdEvents.None)
            {
                return WouldBlock;
            }

            if ((ready & FdEvents.HangUp) != 0)
            {
                // The master of a pseudo-terminal would take it and show it to the process that opens the slave next.
                throw new PosixException("write", EIO);
            }

            fixed (byte* p = buffer)
            {
                if (Settle((nint)write(fd, p, buffer.Length), "write", out int moved))
                {
                    return moved;
                }
            }
        }
    }

    /// <summary>Receives without waiting. Descriptors that came along are closed by the kernel.</summary>
    /// <returns>Bytes received, 0 at the end, or <see cref="WouldBlock"/>.</returns>
    internal static unsafe int ReceiveNow(SafeHandle handle, Span<byte> buffer)
    {
        using var fd = new Borrowed(handle);
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
    /// <returns>Bytes sent, or <see cref="WouldBlock"/>.</returns>
    internal static unsafe int SendNow(SafeHandle handle, ReadOnlySpan<byte> buffer)
    {
        using var fd = new Borrowed(handle);
        fixed (byte* p = buffer)
        {
            int moved;
            while (!Settle((nint)send(fd, p, buffer.Length, MSG_DONTWAIT | MSG_NOSIGNAL), "send", out moved))
            {
            }

            return moved;
        }
    }

    /// <summary>The path that a unix socket is bound to; null if it is bound to none.</summary>
    internal static unsafe string? BoundPath(SafeHandle handle)
    {
        var address = default(sockaddr_un);
        socklen_t length = sizeof(sockaddr_un);
        using var fd = new Borrowed(handle);
        Check(getsockname(fd, (sockaddr*)&address, &length), "getsockname");
        var bytes = new ReadOnlySpan<byte>(address.sun_path, PathCapacity)[..Math.Clamp((int)length - sizeof(ushort), 0, PathCapacity)];
        int end = bytes.IndexOf((byte)0);
        string path = System.Text.Encoding.UTF8.GetString(end < 0 ? bytes : bytes[..end]);
        return path.Length == 0 ? null : path;
    }

    /// <summary>Takes an inherited descriptor into a handle and marks it close-on-exec.</summary>
    internal static SafeFileHandle TakeInherited(int descriptor)
    {
        Check(fcntl(descriptor, F_SETFD, FD_CLOEXEC), $"file descriptor {descriptor}");
        return new SafeFileHandle(descriptor, ownsHandle: true);
    }

    /// <summary>Takes a name away; false if there was none.</summary>
    internal static unsafe bool RemoveName(string path)
    {
        fixed (byte* p = CString(path))
        {
            return unlink(p) == 0 || (errno == ENOENT ? false : throw new PosixException($"unlink '{path}'", errno));
        }
    }
}

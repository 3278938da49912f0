using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;
using Tmds.Linux;
using static Tmds.Linux.LibC;
using static Vmm.Core.Native.NativeCall;

namespace Vmm.Core.Native;

/// <summary>Descriptors of whatever kind: reading, writing, readiness, copies and flags.</summary>
public static class FileDescriptor
{
    /// <summary>What a read, write, send or receive returns when the descriptor is not ready.</summary>
    public const int WouldBlock = -1;

    /// <summary>O_DIRECT of x86-64.</summary>
    internal const int Direct = 0x4000;

    /// <summary>
    /// Opens a pipe or terminal once more for output, non-blocking, so that a process that shares the first opening does not see its mode
    /// change; null where that is not allowed.
    /// </summary>
    internal static SafeFileHandle? ReopenForOutput(SafeHandle handle)
    {
        using var fd = new BorrowedDescriptor(handle);
        try
        {
            return HostFile.OpenPath($"/proc/self/fd/{(int)fd}", O_WRONLY | O_NOCTTY | O_NONBLOCK, 0);
        }
        catch (PosixException)
        {
            return null;
        }
    }

    /// <summary>Whether a descriptor has a position: regular files and block devices do, streams do not.</summary>
    public static bool IsSeekable(SafeHandle handle)
    {
        using var fd = new BorrowedDescriptor(handle);
        return (long)lseek(fd, 0, SEEK_CUR) >= 0;
    }

    /// <summary>Whether a descriptor is open for reading.</summary>
    public static bool IsReadable(SafeHandle handle)
    {
        const int PathOnly = 0x200000; // O_PATH
        using var fd = new BorrowedDescriptor(handle);
        int flags = fcntl(fd, F_GETFL);
        return flags >= 0 && (flags & PathOnly) == 0 && (flags & O_ACCMODE) != O_WRONLY;
    }

    /// <summary>Whether reading and writing a descriptor never wait.</summary>
    internal static bool IsNonBlocking(SafeHandle handle)
    {
        using var fd = new BorrowedDescriptor(handle);
        int flags = fcntl(fd, F_GETFL);
        return flags >= 0 && (flags & O_NONBLOCK) != 0;
    }

    /// <summary>Whether a descriptor is open for writing.</summary>
    public static bool IsWritable(SafeHandle handle)
    {
        using var fd = new BorrowedDescriptor(handle);
        int flags = fcntl(fd, F_GETFL);
        return flags >= 0 && (flags & O_ACCMODE) != O_RDONLY;
    }

    /// <summary>Whether a descriptor is open for reading and writing, at any position.</summary>
    internal static bool IsReadWrite(SafeHandle handle)
    {
        using var fd = new BorrowedDescriptor(handle);
        int flags = fcntl(fd, F_GETFL);
        return flags >= 0 && (flags & (O_ACCMODE | O_APPEND)) == O_RDWR;
    }

    /// <summary>How a file was opened: access mode, O_APPEND and O_DIRECT.</summary>
    /// <exception cref="PosixException">The kernel does not say.</exception>
    internal static uint AccessOf(SafeHandle handle)
    {
        using var fd = new BorrowedDescriptor(handle);
        int flags = fcntl(fd, F_GETFL);
        Check(flags, "read descriptor flags");
        return (uint)(flags & (O_ACCMODE | O_APPEND | Direct));
    }

    /// <summary>Whether a file that was opened so, as <see cref="AccessOf"/> says, can be written to.</summary>
    internal static bool Writes(uint access) => (access & O_ACCMODE) != O_RDONLY;

    /// <summary>Whether requests pass the page cache by, and so have to be aligned, with a file that was opened so.</summary>
    internal static bool IsDirect(uint access) => (access & Direct) != 0;

    /// <summary>Waits without an end until a descriptor is ready; for threads that are not waited for.</summary>
    /// <returns>Which of <paramref name="events"/> are ready, plus errors and hang-up.</returns>
    public static unsafe FdEvents WaitFor(SafeHandle handle, FdEvents events)
    {
        using var fd = new BorrowedDescriptor(handle);
        var poller = new pollfd { fd = fd, events = (short)events };
        while (poll(&poller, 1, -1) < 0)
        {
            if (LastError != EINTR)
            {
                throw new PosixException("poll", LastError);
            }
        }

        return (FdEvents)poller.revents;
    }

    /// <summary>Waits until a descriptor is ready, for a while; for the start of a program.</summary>
    /// <returns>Which of <paramref name="events"/> are ready, plus errors and hang-up; none if the time has passed.</returns>
    internal static unsafe FdEvents WaitFor(SafeHandle handle, FdEvents events, TimeSpan limit)
    {
        using var fd = new BorrowedDescriptor(handle);
        var poller = new pollfd { fd = fd, events = (short)events };
        long end = Environment.TickCount64 + (long)limit.TotalMilliseconds;
        int ready;
        while ((ready = poll(&poller, 1, (int)Math.Max(0, end - Environment.TickCount64))) < 0)
        {
            if (LastError != EINTR)
            {
                throw new PosixException("poll", LastError);
            }
        }

        return ready == 0 ? FdEvents.None : (FdEvents)poller.revents;
    }

    /// <summary>Waits without an end until one of two descriptors is ready, the second for reading; for threads that are not waited for.</summary>
    /// <returns>Whether the first is, in whatever way: the next read or write says what it is.</returns>
    public static unsafe bool WaitForEither(SafeHandle handle, FdEvents events, SafeHandle other)
    {
        using var fd = new BorrowedDescriptor(handle);
        using var otherFd = new BorrowedDescriptor(other);
        var pollers = stackalloc pollfd[] { new() { fd = fd, events = (short)events }, new() { fd = otherFd, events = (short)FdEvents.In } };
        while (poll(pollers, 2, -1) < 0)
        {
            if (LastError != EINTR)
            {
                throw new PosixException("poll", LastError);
            }
        }

        return pollers[1].revents == 0;
    }

    /// <summary>Makes a pipe, both ends close-on-exec.</summary>
    internal static unsafe (SafeFileHandle Read, SafeFileHandle Write) Pipe()
    {
        int* ends = stackalloc int[2];
        Check(pipe2(ends, O_CLOEXEC), "pipe");
        return (new SafeFileHandle(ends[0], ownsHandle: true), new SafeFileHandle(ends[1], ownsHandle: true));
    }

    /// <summary>Closes a copy of a descriptor: a file system that keeps what was written for later reports now what it could not keep.</summary>
    public static void CloseCopyOf(SafeHandle handle)
    {
        using var copy = Duplicate(handle);
        int fd = (int)copy.DangerousGetHandle();
        copy.SetHandleAsInvalid();
        if (close(fd) < 0 && LastError != EINTR)
        {
            throw new PosixException("close", LastError);
        }
    }

    /// <summary>The position of a descriptor that has one.</summary>
    public static ulong PositionOf(SafeHandle handle)
    {
        using var fd = new BorrowedDescriptor(handle);
        long position = (long)lseek(fd, 0, SEEK_CUR);
        return position >= 0 ? (ulong)position : throw new PosixException("lseek", LastError);
    }

    /// <summary>Sets the position of a descriptor that has one.</summary>
    public static void Seek(SafeHandle handle, ulong position)
    {
        using var fd = new BorrowedDescriptor(handle);
        if ((long)lseek(fd, checked((long)position), SEEK_SET) < 0)
        {
            throw new PosixException($"lseek to {position}", LastError);
        }
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
        using var fd = new BorrowedDescriptor(handle);
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

    /// <summary>Takes an inherited descriptor into a handle and marks it close-on-exec.</summary>
    internal static SafeFileHandle TakeInherited(int descriptor)
    {
        Check(fcntl(descriptor, F_SETFD, FD_CLOEXEC), $"file descriptor {descriptor}");
        return new SafeFileHandle(descriptor, ownsHandle: true);
    }

    /// <summary>Reads; 0 is the end, <see cref="WouldBlock"/> nothing yet.</summary>
    public static unsafe int Read(SafeHandle handle, Span<byte> buffer)
    {
        using var fd = new BorrowedDescriptor(handle);
        fixed (byte* p = buffer)
        {
            int moved;
            while (!Settle((nint)read(fd, p, buffer.Length), "read", out moved))
            {
            }

            return moved;
        }
    }

    /// <summary>Writes once; the count may be short, <see cref="WouldBlock"/> means not at all.</summary>
    public static unsafe int Write(SafeHandle handle, ReadOnlySpan<byte> buffer)
    {
        using var fd = new BorrowedDescriptor(handle);
        fixed (byte* p = buffer)
        {
            int moved;
            while (!Settle((nint)write(fd, p, buffer.Length), "write", out moved))
            {
            }

            return moved;
        }
    }

    /// <summary>
    /// The state of a descriptor without waiting: which of <paramref name="events"/> are ready, plus errors and hang-up. What the host has no
    /// memory to look at is not known to be ready: nothing, and the caller looks again as it does for what is not ready.
    /// </summary>
    public static unsafe FdEvents PollNow(SafeHandle handle, FdEvents events)
    {
        using var fd = new BorrowedDescriptor(handle);
        var poller = new pollfd { fd = fd, events = (short)events };
        while (poll(&poller, 1, 0) < 0)
        {
            if (LastError != EINTR)
            {
                return FdEvents.None;
            }
        }

        return (FdEvents)poller.revents;
    }

    /// <summary>A second descriptor of the same open file, close-on-exec.</summary>
    public static SafeFileHandle Duplicate(SafeHandle handle)
    {
        using var fd = new BorrowedDescriptor(handle);
        return Own(fcntl(fd, F_DUPFD_CLOEXEC, 3), "dup");
    }

    /// <summary>Makes an inherited descriptor ours alone: close-on-exec and non-blocking. Not for descriptors that another process uses.</summary>
    public static void MakePrivate(SafeHandle handle)
    {
        using var fd = new BorrowedDescriptor(handle);
        Check(fcntl(fd, F_SETFD, FD_CLOEXEC), "set close-on-exec");
        int flags = fcntl(fd, F_GETFL);
        Check(flags, "read descriptor flags");
        Check(fcntl(fd, F_SETFL, flags | O_NONBLOCK), "set non-blocking");
    }

    /// <summary>Makes a descriptor wait, for a program that expects it to. Not for descriptors that this process uses.</summary>
    internal static void MakeBlocking(SafeHandle handle)
    {
        using var fd = new BorrowedDescriptor(handle);
        int flags = fcntl(fd, F_GETFL);
        Check(flags, "read descriptor flags");
        Check(fcntl(fd, F_SETFL, flags & ~O_NONBLOCK), "set blocking");
    }
}

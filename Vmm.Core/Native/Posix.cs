// The system calls that the projects share, made safe: lengths come from spans, descriptors are owned by handles,
// EINTR is retried, and an error is an exception that says what was being done. A call that may find nothing to do on a
// non-blocking descriptor answers WouldBlock instead of throwing, because that is no error there.
//
// This folder is Vmm.Core's place for native declarations; pointers live here for the length of one call over pinned
// spans and locals, and nowhere else.

using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;
using Tmds.Linux;
using static Tmds.Linux.LibC;

namespace Vmm.Core.Native;

/// <summary>System calls over spans and handles.</summary>
internal static partial class Posix
{
    /// <summary>What a read, write, send or receive returns when the descriptor is not ready.</summary>
    internal const int WouldBlock = -1;

    /// <summary>
    /// The error of the call before. Read by the runtime's own function, because the one that Tmds.LibC imports is bound at its first use, and
    /// binding it is work that overwrites the first error of the process.
    /// </summary>
    private static int errno => Marshal.GetLastSystemError();

    /// <summary>Reads; 0 is the end, <see cref="WouldBlock"/> nothing yet.</summary>
    internal static unsafe int Read(SafeHandle handle, Span<byte> buffer)
    {
        using var fd = new Borrowed(handle);
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
    internal static unsafe int Write(SafeHandle handle, ReadOnlySpan<byte> buffer)
    {
        using var fd = new Borrowed(handle);
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
    internal static unsafe FdEvents PollNow(SafeHandle handle, FdEvents events)
    {
        using var fd = new Borrowed(handle);
        var poller = new pollfd { fd = fd, events = (short)events };
        while (poll(&poller, 1, 0) < 0)
        {
            if (errno != EINTR)
            {
                return FdEvents.None;
            }
        }

        return (FdEvents)poller.revents;
    }

    /// <summary>Creates an eventfd with count 0, non-blocking and close-on-exec.</summary>
    internal static SafeFileHandle CreateEventFd() => Own(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK), "eventfd");

    /// <summary>Adds one to an eventfd.</summary>
    internal static void Signal(SafeHandle eventFd)
    {
        ReadOnlySpan<byte> one = [1, 0, 0, 0, 0, 0, 0, 0];
        Write(eventFd, one);
    }

    /// <summary>Adds one to an eventfd, if the host lets it.</summary>
    internal static bool TrySignal(SafeHandle eventFd)
    {
        try
        {
            // EAGAIN says that the count is at its greatest: then it is ready as it is, and asking again does no harm.
            ReadOnlySpan<byte> one = [1, 0, 0, 0, 0, 0, 0, 0];
            return Write(eventFd, one) != WouldBlock;
        }
        catch (PosixException)
        {
            return false;
        }
    }

    /// <summary>Takes an eventfd back to zero, if the host lets it; otherwise it stays ready.</summary>
    internal static void TryDrain(SafeHandle eventFd)
    {
        try
        {
            Drain(eventFd);
        }
        catch (PosixException)
        {
            return;
        }
    }

    /// <summary>Takes an eventfd back to zero.</summary>
    internal static void Drain(SafeHandle eventFd)
    {
        Span<byte> count = stackalloc byte[8];
        Read(eventFd, count);
    }

    /// <summary>Creates an anonymous file of the given size that can be sealed.</summary>
    internal static unsafe SafeFileHandle CreateMemfd(string name, long size)
    {
        SafeFileHandle handle;
        fixed (byte* p = CString(name))
        {
            handle = Own(memfd_create(p, MFD_CLOEXEC | MFD_ALLOW_SEALING), $"memfd_create '{name}'");
        }

        Truncate(handle, size);
        return handle;
    }

    /// <summary>Sets a file's size.</summary>
    internal static void Truncate(SafeHandle handle, long size)
    {
        using var fd = new Borrowed(handle);
        Check(ftruncate(fd, size), $"ftruncate to {size} bytes");
    }

    /// <summary>Forbids shrinking and growing, and any change of the seals.</summary>
    internal static void SealSize(SafeHandle handle)
    {
        using var fd = new Borrowed(handle);
        Check(fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL), "seal memfd");
    }

    /// <summary>A second descriptor of the same open file, close-on-exec.</summary>
    internal static SafeFileHandle Duplicate(SafeHandle handle)
    {
        using var fd = new Borrowed(handle);
        return Own(fcntl(fd, F_DUPFD_CLOEXEC, 3), "dup");
    }

    /// <summary>Makes an inherited descriptor ours alone: close-on-exec and non-blocking. Not for descriptors that another process uses.</summary>
    internal static void MakePrivate(SafeHandle handle)
    {
        using var fd = new Borrowed(handle);
        Check(fcntl(fd, F_SETFD, FD_CLOEXEC), "set close-on-exec");
        int flags = fcntl(fd, F_GETFL);
        Check(flags, "read descriptor flags");
        Check(fcntl(fd, F_SETFL, flags | O_NONBLOCK), "set non-blocking");
    }

    /// <summary>What a call that moves bytes has come to. Directly after the call, because errno is looked at.</summary>
    /// <param name="result">What the call returned.</param>
    /// <param name="operation">What was being done.</param>
    /// <param name="moved">The bytes, or <see cref="WouldBlock"/>.</param>
    /// <returns>False when a signal interrupted it before anything moved: it is to be made again.</returns>
    private static bool Settle(nint result, string operation, out int moved)
    {
        moved = (int)result;
        if (result >= 0)
        {
            return true;
        }

        int error = errno;
        moved = WouldBlock;
        return error == EAGAIN || (error == EINTR ? false : throw new PosixException(operation, error));
    }

    private static SafeFileHandle Own(int fd, string operation)
    {
        if (fd < 0)
        {
            throw new PosixException(operation, errno);
        }

        return new SafeFileHandle(fd, ownsHandle: true);
    }

    private static void Check(int result, string operation)
    {
        if (result < 0)
        {
            throw new PosixException(operation, errno);
        }
    }

    /// <summary>The text as a NUL-terminated string.</summary>
    private static byte[] CString(string text)
    {
        if (text.Contains('\0', StringComparison.Ordinal))
        {
            throw new ArgumentException("a name for the kernel cannot hold a NUL character", nameof(text));
        }

        return System.Text.Encoding.UTF8.GetBytes(text + '\0');
    }

    /// <summary>A handle's descriptor, kept from being closed and reused until disposed.</summary>
    private readonly ref struct Borrowed
    {
        private readonly SafeHandle _handle;

        internal Borrowed(SafeHandle handle)
        {
            bool added = false;
            handle.DangerousAddRef(ref added);
            _handle = handle;
        }

        public static implicit operator int(Borrowed borrowed) => (int)borrowed._handle.DangerousGetHandle();

        internal void Dispose() => _handle.DangerousRelease();
    }
}

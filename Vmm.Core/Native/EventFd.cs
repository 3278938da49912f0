using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;
using static Tmds.Linux.LibC;
using static Vmm.Core.Native.NativeCall;

namespace Vmm.Core.Native;

/// <summary>Eventfds: a count that one thread or process adds to and another takes.</summary>
internal static class EventFd
{
    /// <summary>Creates an eventfd with count 0, non-blocking and close-on-exec.</summary>
    internal static SafeFileHandle Create() => Own(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK), "eventfd");

    /// <summary>Adds one to an eventfd.</summary>
    internal static void Signal(SafeHandle eventFd)
    {
        ReadOnlySpan<byte> one = [1, 0, 0, 0, 0, 0, 0, 0];
        FileDescriptor.Write(eventFd, one);
    }

    /// <summary>Adds one to an eventfd, if the host lets it.</summary>
    internal static bool TrySignal(SafeHandle eventFd)
    {
        try
        {
            // EAGAIN says that the count is at its greatest: then it is ready as it is, and asking again does no harm.
            ReadOnlySpan<byte> one = [1, 0, 0, 0, 0, 0, 0, 0];
            return FileDescriptor.Write(eventFd, one) != FileDescriptor.WouldBlock;
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
        FileDescriptor.Read(eventFd, count);
    }
}

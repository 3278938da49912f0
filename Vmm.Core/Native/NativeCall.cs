// What the classes of this folder share: system calls made safe. Lengths come from spans, descriptors are owned by handles, EINTR is
// retried, and an error is an exception that says what was being done. A call that may find nothing to do on a non-blocking descriptor
// answers WouldBlock instead of throwing, because that is no error there.
//
// This folder is Vmm.Core's place for native declarations; pointers live here for the length of one call over pinned
// spans and locals, and nowhere else. Each class has the calls of one noun: EventFd, HostFile, UnixSocket, Mapping and so on.

using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;
using static Tmds.Linux.LibC;

namespace Vmm.Core.Native;

/// <summary>How every system call of this folder treats results, errors and names.</summary>
internal static class NativeCall
{
    /// <summary>
    /// The error of the call before. Read by the runtime's own function, because the one that Tmds.LibC imports is bound at its first use, and
    /// binding it is work that overwrites the first error of the process.
    /// </summary>
    internal static int LastError => Marshal.GetLastSystemError();

    /// <summary>The outcome of a call that moves bytes. Directly after the call, because errno is looked at.</summary>
    /// <param name="result">What the call returned.</param>
    /// <param name="operation">What was being done.</param>
    /// <param name="moved">The bytes, or <see cref="FileDescriptor.WouldBlock"/>.</param>
    /// <returns>False when a signal interrupted it before anything moved: it is to be made again.</returns>
    internal static bool Settle(nint result, string operation, out int moved)
    {
        moved = (int)result;
        if (result >= 0)
        {
            return true;
        }

        int error = LastError;
        moved = FileDescriptor.WouldBlock;
        return error == EAGAIN || (error == EINTR ? false : throw new PosixException(operation, error));
    }

    /// <summary>A new descriptor in its handle, or the error of the call that should have made it.</summary>
    internal static SafeFileHandle Own(int fd, string operation)
    {
        if (fd < 0)
        {
            throw new PosixException(operation, LastError);
        }

        return new SafeFileHandle(fd, ownsHandle: true);
    }

    /// <summary>Throws if a call of Tmds.LibC's failed.</summary>
    internal static void Check(int result, string operation)
    {
        if (result < 0)
        {
            throw new PosixException(operation, LastError);
        }
    }

    /// <summary>Throws if a call that was declared with SetLastError failed.</summary>
    internal static void CheckLast(int result, string operation)
    {
        if (result < 0)
        {
            throw new PosixException(operation, Marshal.GetLastPInvokeError());
        }
    }

    /// <summary>The text as a NUL-terminated string.</summary>
    internal static byte[] CString(string text)
    {
        if (text.Contains('\0', StringComparison.Ordinal))
        {
            throw new ArgumentException("a name for the kernel cannot hold a NUL character", nameof(text));
        }

        return System.Text.Encoding.UTF8.GetBytes(text + '\0');
    }
}

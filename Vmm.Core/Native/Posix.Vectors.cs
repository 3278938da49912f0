// Transfers between a file and buffers, as requests have them: a result is what the system call returns or a negative error number, as io_uring
// has it. The kernel reads and writes the buffers, so memory that cannot be had is an error (EFAULT) and never a signal.

using System.Runtime.InteropServices;
using static Tmds.Linux.LibC;

namespace Vmm.Core.Native;

internal static partial class Posix
{
    /// <summary>Reads into, or writes from, buffers at an offset; the count may be short.</summary>
    internal static unsafe int Transfer(SafeHandle file, NativeMethods.IoVector[] buffers, int count, long offset, bool writes)
    {
        using var fd = new Borrowed(file);
        fixed (NativeMethods.IoVector* first = buffers)
        {
            nint moved;
            do
            {
                moved = writes ? pwritev64(fd, first, count, offset) : preadv64(fd, first, count, offset);
            }
            while (moved < 0 && errno == EINTR);
            return moved < 0 ? -errno : (int)moved;
        }
    }

    /// <summary>Has a file's data on its medium.</summary>
    internal static int SyncData(SafeHandle file)
    {
        using var fd = new Borrowed(file);
        int result;
        do
        {
            result = fdatasync(fd);
        }
        while (result < 0 && errno == EINTR);
        return result < 0 ? -errno : 0;
    }

    /// <summary>fallocate, by its mode.</summary>
    internal static int Allocate(SafeHandle file, int mode, long offset, long length)
    {
        using var fd = new Borrowed(file);
        int result;
        do
        {
            result = NativeMethods.FAllocate(fd, mode, offset, length);
        }
        while (result < 0 && errno == EINTR);
        return result < 0 ? -errno : 0;
    }

    [LibraryImport("libc", SetLastError = true)]
    private static unsafe partial nint preadv64(int fd, NativeMethods.IoVector* buffers, int count, long offset);

    [LibraryImport("libc", SetLastError = true)]
    private static unsafe partial nint pwritev64(int fd, NativeMethods.IoVector* buffers, int count, long offset);

    [LibraryImport("libc", EntryPoint = "fdatasync", SetLastError = true)]
    private static partial int fdatasync(int fd);
}

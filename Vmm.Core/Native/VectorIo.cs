// Transfers between a file and buffers, as requests have them: a result is what the system call returns or a negative error number, as io_uring
// has it. The kernel reads and writes the buffers, so memory that cannot be had is an error (EFAULT) and never a signal.

using System.Runtime.InteropServices;
using static Tmds.Linux.LibC;
using static Vmm.Core.Native.NativeCall;

namespace Vmm.Core.Native;

/// <summary>Transfers between a file and buffers of this process or of a guest.</summary>
internal static partial class VectorIo
{
    /// <summary>EFAULT: an address that the kernel cannot read or write for us.</summary>
    internal const int BadAddress = 14;

    /// <summary>EAGAIN: a non-blocking descriptor has nothing to read, or no room.</summary>
    internal const int NotNow = 11;

    /// <summary>Reads from a non-blocking descriptor to an address of this process; a bad address is an error and never a signal.</summary>
    /// <returns>How many bytes were read, 0 at the end, or an error number below zero.</returns>
    internal static unsafe int TryRead(SafeHandle handle, nint address, int length)
    {
        using var fd = new BorrowedDescriptor(handle);
        var vector = new NativeMethods.IoVector { Base = address, Length = (nuint)length };
        nint got;
        do
        {
            got = NativeMethods.ReadV(fd, &vector, 1);
        }
        while (got < 0 && Marshal.GetLastPInvokeError() == EINTR);

        return got >= 0 ? (int)got : -Marshal.GetLastPInvokeError();
    }

    /// <summary>Reads once from a non-blocking descriptor. Allocates nothing.</summary>
    /// <returns>How many bytes were read, 0 at the end, or an error number below zero.</returns>
    internal static unsafe int TryRead(SafeHandle handle, Span<byte> buffer)
    {
        fixed (byte* p = buffer)
        {
            return TryRead(handle, (nint)p, buffer.Length);
        }
    }

    /// <summary>Writes pieces together, once, to a non-blocking descriptor; a bad address is an error and never a signal. Allocates nothing.</summary>
    /// <returns>How many bytes were written, or an error number below zero.</returns>
    internal static unsafe int TryWrite(SafeHandle handle, ReadOnlySpan<NativeMethods.IoVector> pieces)
    {
        using var fd = new BorrowedDescriptor(handle);
        fixed (NativeMethods.IoVector* first = pieces)
        {
            nint moved;
            do
            {
                moved = NativeMethods.WriteV(fd, first, pieces.Length);
            }
            while (moved < 0 && Marshal.GetLastPInvokeError() == EINTR);
            return moved >= 0 ? (int)moved : -Marshal.GetLastPInvokeError();
        }
    }

    /// <summary>Reads into, or writes from, buffers at an offset; the count may be short.</summary>
    internal static unsafe int Transfer(SafeHandle file, NativeMethods.IoVector[] buffers, int count, long offset, bool writes)
    {
        using var fd = new BorrowedDescriptor(file);
        fixed (NativeMethods.IoVector* first = buffers)
        {
            nint moved;
            do
            {
                moved = writes ? pwritev64(fd, first, count, offset) : preadv64(fd, first, count, offset);
            }
            while (moved < 0 && LastError == EINTR);
            return moved < 0 ? -LastError : (int)moved;
        }
    }

    /// <summary>Has a file's data on its medium.</summary>
    internal static int SyncData(SafeHandle file)
    {
        using var fd = new BorrowedDescriptor(file);
        int result;
        do
        {
            result = fdatasync(fd);
        }
        while (result < 0 && LastError == EINTR);
        return result < 0 ? -LastError : 0;
    }

    /// <summary>fallocate, by its mode.</summary>
    internal static int AllocateRange(SafeHandle file, int mode, long offset, long length)
    {
        using var fd = new BorrowedDescriptor(file);
        int result;
        do
        {
            result = NativeMethods.FAllocate(fd, mode, offset, length);
        }
        while (result < 0 && LastError == EINTR);
        return result < 0 ? -LastError : 0;
    }

    [LibraryImport("libc", SetLastError = true)]
    private static unsafe partial nint preadv64(int fd, NativeMethods.IoVector* buffers, int count, long offset);

    [LibraryImport("libc", SetLastError = true)]
    private static unsafe partial nint pwritev64(int fd, NativeMethods.IoVector* buffers, int count, long offset);

    [LibraryImport("libc", EntryPoint = "fdatasync", SetLastError = true)]
    private static partial int fdatasync(int fd);
}

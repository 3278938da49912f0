using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;
using static Tmds.Linux.LibC;
using static Vmm.Core.Native.NativeCall;

namespace Vmm.Core.Native;

/// <summary>Files and block devices that hold a disk: opening, size, and what direct requests have to be aligned to.</summary>
internal static partial class DiskFile
{
    private const ulong GetSize64 = 0x8008_1272; // BLKGETSIZE64
    private const ulong GetSectorSize = 0x1268; // BLKSSZGET
    private const uint DirectAlignment = 0x2000; // STATX_DIOALIGN

    /// <summary>What a file system that does not say so can be expected to take: a page.</summary>
    private const uint SafeAlignment = 4096;

    /// <summary>Opens a disk. Nothing of it is read; a FIFO or a directory is an error and never waits.</summary>
    /// <exception cref="IOException">It cannot be opened, or is no disk; the message names it and the reason.</exception>
    internal static SafeFileHandle Open(string path, bool writable, bool direct)
    {
        var file = HostFile.OpenPath(path, (writable ? O_RDWR : O_RDONLY) | (direct ? FileDescriptor.Direct : 0) | O_NONBLOCK | O_NOCTTY, 0);
        try
        {
            var status = HostFile.Stat(file);
            if (!status.IsRegular && !status.IsBlockDevice)
            {
                throw new IOException($"'{path}' is {status.KindName}: expected a regular file or a block device");
            }

            // With O_NONBLOCK a request that has to wait for the medium is answered EAGAIN, and io_uring leaves it at that.
            MakeBlocking(file);
            return file;
        }
        catch
        {
            file.Dispose();
            throw;
        }
    }

    /// <summary>How many bytes it has.</summary>
    /// <exception cref="PosixException">The host does not say.</exception>
    internal static unsafe ulong SizeOf(SafeHandle handle)
    {
        var status = HostFile.Stat(handle);
        if (!status.IsBlockDevice)
        {
            return status.Size;
        }

        ulong size = 0;
        using var fd = new BorrowedDescriptor(handle);
        CheckLast(ioctl(fd, GetSize64, &size), "BLKGETSIZE64");
        return size;
    }

    /// <summary>What the memory, and the offset and length, of direct requests must be multiples of.</summary>
    internal static unsafe (uint Memory, uint Offset) AlignmentOf(SafeHandle handle)
    {
        const int EmptyPath = 0x1000; // AT_EMPTY_PATH
        NativeMethods.StatXBuffer buffer;
        using var fd = new BorrowedDescriptor(handle);
        byte empty = 0;
        if (NativeMethods.StatX(fd, &empty, EmptyPath, DirectAlignment, &buffer) == 0 && (buffer.Mask & DirectAlignment) != 0 && buffer.DirectOffset > 0)
        {
            return (Math.Max(buffer.DirectMemory, 1), buffer.DirectOffset);
        }

        int sector = 0;
        return ioctl(fd, GetSectorSize, &sector) == 0 && sector > 0 ? ((uint)sector, (uint)sector) : (SafeAlignment, SafeAlignment);
    }

    private static void MakeBlocking(SafeFileHandle handle)
    {
        using var fd = new BorrowedDescriptor(handle);
        int flags = fcntl(fd, F_GETFL);
        Check(flags, "F_GETFL");
        Check(fcntl(fd, F_SETFL, flags & ~O_NONBLOCK), "F_SETFL");
    }

    [LibraryImport("libc", SetLastError = true)]
    private static unsafe partial int ioctl(int fd, ulong request, void* argument);
}

using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;
using Tmds.Linux;
using static Tmds.Linux.LibC;
using static Vmm.Core.Native.NativeCall;

namespace Vmm.Core.Native;

/// <summary>Files by name and by descriptor: opening, what they are, reading and writing at a position.</summary>
public static class HostFile
{
    /// <summary>The mode of a file that is its owner's alone: 0600.</summary>
    public const int OwnerOnly = 0x180;

    /// <summary>EFBIG: a write beyond what the file system, or RLIMIT_FSIZE, allows a file to hold.</summary>
    internal const int FileTooLarge = 27;

    private const int SymlinkNoFollow = 0x100; // AT_SYMLINK_NOFOLLOW

    /// <summary>The kernel moves at most 2 GiB less a page at once.</summary>
    private const ulong MostPerCall = 1UL << 30;

    /// <summary>Opens for reading. A fifo without a writer does not block; a caller that needs a regular file asks <see cref="Stat"/>.</summary>
    public static SafeFileHandle OpenToRead(string path) => OpenPath(path, O_RDONLY | O_NONBLOCK | O_NOCTTY, 0);

    /// <summary>Opens an existing file for reading and writing.</summary>
    internal static SafeFileHandle OpenToUpdate(string path) => OpenPath(path, O_RDWR | O_NONBLOCK | O_NOCTTY, 0);

    /// <summary>Makes a new file, readable and writable by its owner alone; it is an error (EEXIST) if there is one.</summary>
    internal static SafeFileHandle CreateNew(string path) => OpenPath(path, O_RDWR | O_CREAT | O_EXCL, 0x180 /* 0600 */);

    /// <summary>Opens for writing, and makes the file if it is not there, readable and writable by owner and group. What is in it stays.</summary>
    public static SafeFileHandle OpenToWrite(string path) => OpenPath(path, O_WRONLY | O_CREAT | O_NONBLOCK | O_NOCTTY, 0x1b0 /* 0660 */);

    /// <summary>Takes a name away.</summary>
    internal static unsafe void Unlink(string path)
    {
        fixed (byte* p = CString(path))
        {
            Check(unlink(p), $"unlink '{path}'");
        }
    }

    /// <summary>What kind of file this is, which one, how large, and how much of it is not a hole.</summary>
    public static FileStatus Stat(SafeHandle handle)
    {
        const int EmptyPath = 0x1000; // AT_EMPTY_PATH
        using var fd = new BorrowedDescriptor(handle);
        return TryStat(fd, "", EmptyPath, out var status) is 0 ? status : throw new PosixException("statx", Marshal.GetLastPInvokeError());
    }

    /// <summary>What a name stands for, links followed; null if there is nothing, or nothing that can be looked at.</summary>
    public static FileStatus? StatPath(string path) => TryStat(AT_FDCWD, path, 0, out var status) == 0 ? status : null;

    /// <summary>What a name itself is, which may be a link; null if there is nothing, or nothing that can be looked at.</summary>
    public static FileStatus? StatName(string path) => TryStat(AT_FDCWD, path, SymlinkNoFollow, out var status) == 0 ? status : null;

    /// <summary>What a name in an open directory itself is, which may be a link; null if there is nothing.</summary>
    public static FileStatus? StatName(SafeHandle directory, string name)
    {
        using var fd = new BorrowedDescriptor(directory);
        return TryStat(fd, name, SymlinkNoFollow, out var status) == 0 ? status : null;
    }

    /// <summary>The size of the pages that hold the file: that of a huge page on hugetlbfs, else that of the host.</summary>
    internal static unsafe ulong PageSizeOf(SafeHandle handle)
    {
        const long HugeTlbFsMagic = 0x958458f6;
        NativeMethods.StatFsBuffer buffer;
        using var fd = new BorrowedDescriptor(handle);
        CheckLast(NativeMethods.FStatFs(fd, &buffer), "fstatfs");
        return buffer.Type == HugeTlbFsMagic ? (ulong)buffer.BlockSize : (ulong)Environment.SystemPageSize;
    }

    /// <summary>Makes a range of a file a hole, which reads as zeros; false where the file system has none, or the range is not made of whole pages of it.</summary>
    internal static bool TryPunchHole(SafeHandle handle, ulong offset, ulong length)
    {
        const int PunchHole = 2; // FALLOC_FL_PUNCH_HOLE
        const int KeepSize = 1; // FALLOC_FL_KEEP_SIZE
        return VectorIo.AllocateRange(handle, PunchHole | KeepSize, checked((long)offset), checked((long)length)) == 0;
    }

    /// <summary>Allocates every block of the first <paramref name="size"/> bytes.</summary>
    internal static void Allocate(SafeHandle handle, ulong size)
    {
        using var fd = new BorrowedDescriptor(handle);
        while (NativeMethods.FAllocate(fd, 0, 0, checked((long)size)) < 0)
        {
            int error = Marshal.GetLastPInvokeError();
            if (error != EINTR)
            {
                throw new PosixException($"fallocate {size} bytes", error);
            }
        }
    }

    /// <summary>Reads at a position; fewer bytes than asked for mean the end of the file.</summary>
    internal static unsafe int ReadAt(SafeHandle handle, Span<byte> buffer, ulong position)
    {
        fixed (byte* p = buffer)
        {
            return (int)ReadAt(handle, (nint)p, (ulong)buffer.Length, position);
        }
    }

    /// <summary>
    /// Reads at a position to an address of this process; fewer bytes than asked for mean the end of the file. The kernel does the
    /// copying, so an address that cannot be written to is an error (EFAULT) and never a signal.
    /// </summary>
    internal static unsafe ulong ReadAt(SafeHandle handle, nint address, ulong length, ulong position)
    {
        using var fd = new BorrowedDescriptor(handle);
        ulong done = 0;
        while (done < length)
        {
            ulong part = Math.Min(length - done, MostPerCall);
            nint got = (nint)pread(fd, (void*)(address + (nint)done), (size_t)part, checked((long)(position + done)));
            if (got == 0)
            {
                break;
            }

            if (got > 0)
            {
                done += (ulong)got;
            }
            else if (LastError != EINTR)
            {
                throw new PosixException("pread", LastError);
            }
        }

        return done;
    }

    /// <summary>Writes all bytes at a position.</summary>
    public static unsafe void WriteAt(SafeHandle handle, ReadOnlySpan<byte> buffer, ulong position)
    {
        using var fd = new BorrowedDescriptor(handle);
        while (!buffer.IsEmpty)
        {
            nint put;
            fixed (byte* p = buffer)
            {
                put = (nint)pwrite(fd, p, (size_t)(ulong)buffer.Length, checked((long)position));
            }

            if (put >= 0)
            {
                buffer = buffer[(int)put..];
                position += (ulong)put;
            }
            else if (LastError != EINTR)
            {
                throw new PosixException("pwrite", LastError);
            }
        }
    }

    /// <summary>Where the next data at or after <paramref name="position"/> begins; null when only holes follow.</summary>
    internal static ulong? NextData(SafeHandle handle, ulong position)
    {
        const int SeekData = 3;
        using var fd = new BorrowedDescriptor(handle);
        long start = (long)lseek(fd, checked((long)position), SeekData);
        if (start < 0)
        {
            return LastError == ENXIO ? null : throw new PosixException("lseek to data", LastError);
        }

        return (ulong)start;
    }

    internal static unsafe SafeFileHandle OpenPath(string path, int flags, int mode)
    {
        fixed (byte* p = CString(path))
        {
            while (true)
            {
                int fd = openat(AT_FDCWD, p, flags | O_CLOEXEC, (mode_t)mode);
                if (fd >= 0 || LastError != EINTR)
                {
                    return Own(fd, $"open '{path}'");
                }
            }
        }
    }

    /// <summary>Takes a name away; false if there was none.</summary>
    public static unsafe bool RemoveName(string path)
    {
        fixed (byte* p = CString(path))
        {
            return unlink(p) == 0 || (LastError == ENOENT ? false : throw new PosixException($"unlink '{path}'", LastError));
        }
    }

    /// <summary>Sets a file's size.</summary>
    public static void Truncate(SafeHandle handle, long size)
    {
        using var fd = new BorrowedDescriptor(handle);
        Check(ftruncate(fd, size), $"ftruncate to {size} bytes");
    }

    private static unsafe int TryStat(int directory, string path, int flags, out FileStatus status)
    {
        const uint BasicStats = 0x7ff; // STATX_BASIC_STATS
        const ulong Block = 512; // whatever the file system's own is
        NativeMethods.StatXBuffer buffer;
        int result;
        fixed (byte* p = CString(path))
        {
            result = NativeMethods.StatX(directory, p, flags, BasicStats, &buffer);
        }

        ulong device = ((ulong)buffer.DeviceMajor << 32) | buffer.DeviceMinor;
        status = result == 0 ? new FileStatus(device, buffer.Inode, buffer.Size, buffer.Blocks * Block, buffer.Mode, buffer.Owner, buffer.Links) : default;
        return result;
    }
}

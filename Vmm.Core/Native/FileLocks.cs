using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;
using static Tmds.Linux.LibC;
using static Vmm.Core.Native.NativeCall;

namespace Vmm.Core.Native;

/// <summary>Locks of files and of directories.</summary>
public static class FileLocks
{
    private const int OfdGetLock = 36; // F_OFD_GETLK
    private const int OfdSetLock = 37; // F_OFD_SETLK
    private const short ReadLock = 0; // F_RDLCK
    private const short WriteLock = 1; // F_WRLCK
    private const short NoLock = 2; // F_UNLCK
    private const int SetLease = 1024; // F_SETLEASE

    /// <summary>Locks a whole file for writing, on behalf of the open file and not of the process.</summary>
    /// <returns>False when another open file holds a lock.</returns>
    public static unsafe bool TryLock(SafeHandle handle)
    {
        using var fd = new BorrowedDescriptor(handle);
        var request = new FileLock { Type = WriteLock };
        if (fcntl(fd, OfdSetLock, &request) == 0)
        {
            return true;
        }

        return LastError == EAGAIN || LastError == EACCES ? false : throw new PosixException("lock file", LastError);
    }

    /// <summary>Whether another open file has locked a part of a file, shared or not; nothing is locked by asking.</summary>
    /// <exception cref="PosixException">The file system knows no locks.</exception>
    public static unsafe bool IsLocked(SafeHandle handle)
    {
        using var fd = new BorrowedDescriptor(handle);
        var request = new FileLock { Type = WriteLock };
        Check(fcntl(fd, OfdGetLock, &request), "F_OFD_GETLK");
        return request.Type != NoLock;
    }

    /// <summary>
    /// Does something under a write lease (F_SETLEASE, fcntl(2)), which the host grants only while no other open file of the same inode is open for
    /// writing. A process that opens it meanwhile waits for the end of the lease, or is refused where it opens with O_NONBLOCK.
    /// </summary>
    /// <param name="handle">The file, open for writing, of this process's user.</param>
    /// <param name="action">What is done.</param>
    /// <returns>False, and nothing was done, where the lease is not granted: another has it open, or the file system knows no leases.</returns>
    public static bool TryWithWriteLease(SafeHandle handle, Action action)
    {
        ArgumentNullException.ThrowIfNull(action);
        using var fd = new BorrowedDescriptor(handle);
        if (fcntl(fd, SetLease, WriteLock) < 0)
        {
            return false;
        }

        try
        {
            action.Invoke();
            return true;
        }
        finally
        {
            // At the latest closing the file gives it up.
            _ = fcntl(fd, SetLease, NoLock);
        }
    }

    /// <summary>Locks one byte, shared with others that do so too, on behalf of the open file; it need not exist in the file.</summary>
    /// <returns>False when another open file has it locked for itself.</returns>
    /// <exception cref="PosixException">The file system knows no locks, or has none left.</exception>
    internal static bool TryShareByte(SafeHandle handle, long offset) => TrySetByte(handle, offset, ReadLock);

    /// <summary>Gives up the lock of one byte.</summary>
    internal static void UnlockByte(SafeHandle handle, long offset) => TrySetByte(handle, offset, NoLock);

    /// <summary>Whether another open file has locked a byte, shared or not.</summary>
    internal static unsafe bool IsByteLocked(SafeHandle handle, long offset)
    {
        using var fd = new BorrowedDescriptor(handle);
        var request = new FileLock { Type = WriteLock, Start = offset, Length = 1 };
        Check(fcntl(fd, OfdGetLock, &request), "F_OFD_GETLK");
        return request.Type != NoLock;
    }

    /// <summary>
    /// Keeps other processes that ask too from changing the names of a path's directory, for as long as the result is open. Null if the
    /// directory cannot be read, or is locked: there is no waiting.
    /// </summary>
    internal static SafeFileHandle? TryLockDirectoryOf(string path)
    {
        const int ExclusiveAtOnce = 2 | 4; // LOCK_EX | LOCK_NB
        SafeFileHandle directory;
        try
        {
            directory = OutputFile.OpenDirectoryOf(path, O_RDONLY);
        }
        catch (PosixException)
        {
            return null;
        }

        using var fd = new BorrowedDescriptor(directory);
        if (NativeMethods.LockFile(fd, ExclusiveAtOnce) == 0)
        {
            return directory;
        }

        directory.Dispose();
        return null;
    }

    private static unsafe bool TrySetByte(SafeHandle handle, long offset, short type)
    {
        using var fd = new BorrowedDescriptor(handle);
        var request = new FileLock { Type = type, Start = offset, Length = 1 };
        if (fcntl(fd, OfdSetLock, &request) == 0)
        {
            return true;
        }

        return LastError == EAGAIN || LastError == EACCES ? false : throw new PosixException("F_OFD_SETLK", LastError);
    }

    /// <summary>struct flock of fcntl(2) on x86-64; a length of 0 reaches to the end of the file, and Pid must be 0.</summary>
    [StructLayout(LayoutKind.Sequential)]
    private struct FileLock
    {
        internal short Type;
        internal short Whence;
        internal long Start;
        internal long Length;
        internal int Pid;
    }
}

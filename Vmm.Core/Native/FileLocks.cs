using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;
using static Tmds.Linux.LibC;
using static Vmm.Core.Native.NativeCall;

namespace Vmm.Core.Native;

/// <summary>Locks of files and of directories.</summary>
public static class FileLocks
{
    private const int OfdSetLock = 37; // F_OFD_SETLK
    private const short WriteLock = 1; // F_WRLCK

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

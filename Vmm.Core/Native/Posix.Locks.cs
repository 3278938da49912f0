using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;
using static Tmds.Linux.LibC;

namespace Vmm.Core.Native;

internal static partial class Posix
{
    private const int OwnerReadWrite = 0x180; // 0600
    private const int OfdSetLock = 37; // F_OFD_SETLK
    private const short WriteLock = 1; // F_WRLCK

    /// <summary>Opens a file to write at its end, creating it where it is missing.</summary>
    internal static SafeFileHandle OpenToAppend(string path, bool truncate) =>
        OpenPath(path, O_WRONLY | O_CREAT | O_APPEND | (truncate ? O_TRUNC : 0), OwnerReadWrite);

    /// <summary>Opens a file to read and write, creating it where it is missing.</summary>
    internal static SafeFileHandle OpenToCreate(string path) => OpenPath(path, O_RDWR | O_CREAT, OwnerReadWrite);

    /// <summary>Locks a whole file for writing, on behalf of the open file and not of the process.</summary>
    /// <returns>False when another open file holds a lock.</returns>
    internal static unsafe bool TryLock(SafeHandle handle)
    {
        using var fd = new Borrowed(handle);
        var request = new FileLock { Type = WriteLock };
        if (fcntl(fd, OfdSetLock, &request) == 0)
        {
            return true;
        }

        return errno == EAGAIN || errno == EACCES ? false : throw new PosixException("lock file", errno);
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

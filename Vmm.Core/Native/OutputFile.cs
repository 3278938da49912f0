// Opening files to write at names that an operator gave and that other users may have prepared.
//
// Never waits: a FIFO without a reader is an error, a terminal without a carrier is opened. Never empties what it opens; the caller does, when
// it knows what it has. In a directory where every user may make names (/tmp), what is found is written to only if it belongs to this user, to
// root or to the directory's owner, as the kernel does with fs.protected_regular. A symbolic link is followed only if it is this user's
// or root's and no other user can put another in its place. A link in a directory that is the operator's own is intended and is followed.

using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;
using Tmds.Linux;
using static Tmds.Linux.LibC;
using static Vmm.Core.Native.NativeCall;

namespace Vmm.Core.Native;

/// <summary>Files to write at names that an operator gave.</summary>
public static class OutputFile
{
    internal const int OnlyAsPath = 0x200000; // O_PATH
    private const int MostAttempts = 8;

    /// <summary>Opens a file to be written by its readers' leave: anyone who may by the umask. Made if there is none.</summary>
    /// <param name="path">Where it is.</param>
    /// <param name="append">Whether every write goes to its end; otherwise a regular file is emptied.</param>
    /// <exception cref="PosixException">It cannot be opened, made or emptied.</exception>
    /// <exception cref="UntrustedFileException">It may be another user's.</exception>
    public static SafeFileHandle OpenEmpty(string path, bool append)
    {
        const int ReadableByAll = 0x1b6; // 0666
        var file = Open(path, append, readable: false, ReadableByAll, out _);
        try
        {
            if (!append && HostFile.Stat(file).IsRegular)
            {
                HostFile.Truncate(file, 0);
            }

            return file;
        }
        catch
        {
            file.Dispose();
            throw;
        }
    }

    /// <summary>Opens a file for output, made if there is none.</summary>
    /// <param name="path">Where it is.</param>
    /// <param name="append">Whether every write goes to its end.</param>
    /// <param name="readable">Whether it is opened for reading, too; not for what is no regular file.</param>
    /// <param name="mode">Who may do what with a file that is made, less the umask.</param>
    /// <param name="created">Whether it was made.</param>
    /// <exception cref="PosixException">It cannot be opened or made.</exception>
    /// <exception cref="UntrustedFileException">It may be another user's, or is a descriptor of this process's own.</exception>
    public static SafeFileHandle Open(string path, bool append, bool readable, int mode, out bool created)
    {
        created = false;
        int flags = (readable ? O_RDWR : O_WRONLY) | (append ? O_APPEND : 0) | O_NONBLOCK | O_NOCTTY;
        if (InheritedDescriptor.NumberOf(path) is { } number)
        {
            return InheritedDescriptor.Open(path, number, flags);
        }

        string name = Path.GetFileName(path);
        if (name.Length == 0)
        {
            return HostFile.OpenPath(path, flags, 0);
        }

        using var directory = OpenDirectoryOf(path, OnlyAsPath);
        int error = ENOENT;
        for (int attempt = 0; attempt < MostAttempts; attempt++)
        {
            error = TryOpenAt(directory, name, flags | O_NOFOLLOW, 0, out var file);
            if (error == ENOENT)
            {
                error = TryOpenAt(directory, name, flags | O_CREAT | O_EXCL, mode, out file);
                created = error == 0;
            }
            else if (error == ELOOP && HostFile.StatName(directory, name) is { IsLink: true } link)
            {
                RequireTrusted(path, HostFile.Stat(directory), link);
                error = TryOpenAt(directory, name, flags | O_CREAT, mode, out file);
            }
            else if (error == 0)
            {
                RequireTrusted(path, directory, file!);
            }

            if (error == 0)
            {
                return file!;
            }

            if (error != EEXIST && error != ENOENT)
            {
                break;
            }
        }

        throw new PosixException($"open '{path}'", error);
    }

    /// <summary>Opens the directory that a name is in.</summary>
    internal static SafeFileHandle OpenDirectoryOf(string path, int flags)
    {
        string directory = Path.GetDirectoryName(path) is { Length: > 0 } above ? above : ".";
        try
        {
            return HostFile.OpenPath(directory, flags | O_DIRECTORY, 0);
        }
        catch (PosixException e)
        {
            throw new PosixException($"open '{path}'", e.Errno);
        }
    }

    private static unsafe int TryOpenAt(SafeHandle directory, string name, int flags, int mode, out SafeFileHandle? file)
    {
        file = null;
        using var fd = new BorrowedDescriptor(directory);
        fixed (byte* p = CString(name))
        {
            while (true)
            {
                int opened = openat(fd, p, flags | O_CLOEXEC, (mode_t)mode);
                if (opened >= 0)
                {
                    file = new SafeFileHandle(opened, ownsHandle: true);
                    return 0;
                }

                if (LastError != EINTR)
                {
                    return LastError;
                }
            }
        }
    }

    private static void RequireTrusted(string path, SafeHandle directory, SafeFileHandle file)
    {
        try
        {
            var place = HostFile.Stat(directory);
            var found = HostFile.Stat(file);
            if (place.IsOpenToAll && !IsOwn(found) && found.Owner != place.Owner)
            {
                throw new UntrustedFileException(path, $"it belongs to user {found.Owner}, in a directory where every user may make files");
            }
        }
        catch
        {
            file.Dispose();
            throw;
        }
    }

    private static void RequireTrusted(string path, in FileStatus place, in FileStatus link)
    {
        if (!IsOwn(link))
        {
            throw new UntrustedFileException(path, $"it is a symbolic link of user {link.Owner}, and links of other users are not followed");
        }

        if (place is { IsOpenToAll: true, IsSticky: false })
        {
            throw new UntrustedFileException(path, "it is a symbolic link in a directory where every user may replace it, and such are not followed");
        }
    }

    private static bool IsOwn(in FileStatus file) => file.Owner == 0 || file.Owner == HostProcess.EffectiveUserId;
}

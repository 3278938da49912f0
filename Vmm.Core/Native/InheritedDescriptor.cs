// Names of descriptors: /dev/fd/N, /proc/self/fd/N, /dev/stdout. They lead to whatever this process has open as N, and that may be its own: the
// guest's RAM, a disk. Only what the program was started with is meant. It is known by its flag: what a program inherits is not close-on-exec, for
// otherwise it would not be here, and whatever this program opens is.

using System.Globalization;
using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;
using static Tmds.Linux.LibC;

namespace Vmm.Core.Native;

/// <summary>Descriptors that this process was started with, by names in the file system.</summary>
public static class InheritedDescriptor
{
    private const int FirstOther = 3;

    private static readonly string[] Folders = ["/dev/fd/", "/proc/self/fd/", "/proc/thread-self/fd/", $"/proc/{Environment.ProcessId}/fd/"];

    private static readonly string[] Standard = ["/dev/stdin", "/dev/stdout", "/dev/stderr"];

    /// <summary>The number of the descriptor that a path is the name of; null if it is another name.</summary>
    internal static int? NumberOf(string path)
    {
        string whole = Path.GetFullPath(path);
        int standard = Array.IndexOf(Standard, whole);
        return standard >= 0 ? standard
            : Array.Find(Folders, folder => whole.StartsWith(folder, StringComparison.Ordinal)) is { } folder
                && int.TryParse(whole[folder.Length..], NumberStyles.None, CultureInfo.InvariantCulture, out int number) ? number
            : null;
    }

    /// <summary>Whether the program was started with a descriptor of this number, and has it still.</summary>
    public static bool IsInherited(int number)
    {
        // Flags of a number that is not open cannot be read.
        int kept = fcntl(number, F_GETFD);
        return kept >= 0 && (number < FirstOther || (kept & FD_CLOEXEC) == 0);
    }

    /// <summary>Closes one that was used up; the standard ones stay.</summary>
    public static void Close(int number)
    {
        if (number >= FirstOther)
        {
            new SafeFileHandle(number, ownsHandle: true).Dispose();
        }
    }

    /// <summary>Opens it once more for output; what cannot be opened (a socket, a file of another user) is used as it is.</summary>
    /// <param name="path">Its name, for errors.</param>
    /// <param name="number">Its number.</param>
    /// <param name="flags">How to open it.</param>
    /// <exception cref="UntrustedFileException">The program was not started with it.</exception>
    /// <exception cref="PosixException">It is not open for output.</exception>
    internal static SafeFileHandle Open(string path, int number, int flags)
    {
        if (!IsInherited(number))
        {
            throw new UntrustedFileException(path, "it is no descriptor that this process was started with");
        }

        using var borrowed = new SafeFileHandle(number, ownsHandle: false);
        if (!FileDescriptor.IsWritable(borrowed))
        {
            throw new PosixException($"open '{path}'", EACCES);
        }

        try
        {
            return HostFile.OpenPath($"/proc/self/fd/{number}", flags, 0);
        }
        catch (PosixException refused) when (refused.Errno == ENXIO || refused.Errno == EACCES || refused.Errno == EPERM || refused.Errno == ENOENT)
        {
            return FileDescriptor.Duplicate(borrowed);
        }
    }
}

using System.Runtime.InteropServices;
using Tmds.Linux;
using static Tmds.Linux.LibC;
using static Vmm.Core.Native.NativeCall;

namespace Vmm.Core.Native;

/// <summary>Standard descriptors that are repaired before anything else, and the re-execution of the program.</summary>
public static partial class ProgramStart
{
    /// <summary>
    /// Opens /dev/null under each of the numbers 0, 1 and 2 that this process was started without. One that is closed at exec was opened since: no
    /// process is started with such a descriptor.
    /// </summary>
    /// <returns>Whether something that this process had opened was in the place of one. It is closed now, and what uses it does not know.</returns>
    public static unsafe bool FillStandardDescriptors()
    {
        bool wasTaken = false;
        for (int number = 0; number < 3; number++)
        {
            int flags = fcntl(number, F_GETFD);
            if (flags >= 0 && (flags & FD_CLOEXEC) == 0)
            {
                continue;
            }

            wasTaken |= flags >= 0;
            fixed (byte* path = "/dev/null\0"u8)
            {
                int opened = openat(AT_FDCWD, path, O_RDWR, (mode_t)0);
                if (opened < 0 || (opened != number && CopyDescriptor(opened, number) < 0))
                {
                    throw new PosixException($"open '/dev/null' as descriptor {number}", LastError);
                }

                if (opened != number)
                {
                    _ = close(opened);
                }
            }
        }

        return wasTaken;
    }

    /// <summary>Opens /dev/null.</summary>
    internal static Microsoft.Win32.SafeHandles.SafeFileHandle OpenNothing() => HostFile.OpenToUpdate("/dev/null");

    /// <summary>Puts /dev/null in the place of standard input, output and error.</summary>
    internal static void LeaveStandardDescriptors(SafeHandle nothing)
    {
        using var fd = new BorrowedDescriptor(nothing);
        for (int number = 0; number < 3; number++)
        {
            Check(CopyDescriptor(fd, number), $"open '/dev/null' as descriptor {number}");
        }
    }

    /// <summary>Starts this program anew in this process, with the same arguments and environment. Returns only with an error.</summary>
    public static PosixException StartAnew()
    {
        using var file = ProgramImage.OpenFile();
        return ProgramImage.Replace(file, ProgramImage.Arguments, ProgramImage.Environment);
    }

    [LibraryImport("libc", EntryPoint = "dup2")]
    private static partial int CopyDescriptor(int from, int to);
}

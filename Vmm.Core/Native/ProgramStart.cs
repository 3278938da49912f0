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

    /// <summary>Starts this program anew in this process, with the same arguments and environment. Returns only with an error.</summary>
    public static unsafe PosixException StartAnew()
    {
        // As the kernel keeps them: each ends with a zero, and none need be text. The block is never freed: it lives as long as this image.
        byte[] words = File.ReadAllBytes("/proc/self/cmdline");
        int count = words.Count(static b => b == 0);
        byte* text = (byte*)NativeMemory.Alloc((nuint)words.Length + 1);
        byte** arguments = (byte**)NativeMemory.AllocZeroed((nuint)count + 1, (nuint)sizeof(byte*));
        words.CopyTo(new Span<byte>(text, words.Length));
        for (int word = 0, at = 0; word < count; word++)
        {
            arguments[word] = text + at;
            at += words.AsSpan(at).IndexOf((byte)0) + 1;
        }

        // By its path, from which the process has its name; a file that has been replaced meanwhile is still there as what this process runs.
        _ = ReplaceImage(Environment.ProcessPath ?? "/proc/self/exe", arguments);
        _ = ReplaceImage("/proc/self/exe", arguments);
        return new PosixException("start the program anew", Marshal.GetLastPInvokeError());
    }

    [LibraryImport("libc", EntryPoint = "dup2")]
    private static partial int CopyDescriptor(int from, int to);

    [LibraryImport("libc", EntryPoint = "execv", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static unsafe partial int ReplaceImage(string path, byte** arguments);
}

using System.Runtime.InteropServices;
using static Tmds.Linux.LibC;

namespace Vmm.Core.Native;

/// <summary>This process: its user, its parent, its standard error, its end.</summary>
public static partial class HostProcess
{
    /// <summary>Writes to standard error, once, without allocating anything; what does not go is lost.</summary>
    public static unsafe void WriteErrorOnce(ReadOnlySpan<byte> line)
    {
        fixed (byte* text = line)
        {
            _ = WriteRaw(2, text, (nuint)line.Length);
        }
    }

    /// <summary>Ends the process at once: no handler, no destructor and no other thread can delay it.</summary>
    public static void ExitNow(int status) => _exit(status);

    /// <summary>This process's effective user.</summary>
    public static uint EffectiveUserId => (uint)geteuid();

    /// <summary>The process that started this one, or, once that has ended, the one that waits for it instead.</summary>
    public static int ParentId => (int)getppid();

    [LibraryImport("libc")]
    private static partial void _exit(int status);

    [LibraryImport("libc", EntryPoint = "write")]
    private static unsafe partial nint WriteRaw(int descriptor, byte* bytes, nuint count);
}

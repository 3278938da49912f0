// What Tmds.LibC lacks for terminals, declared as the C library has it (x86-64, glibc).

using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace Vmm.Core.Native;

internal static unsafe partial class NativeMethods
{
    [LibraryImport("libc", EntryPoint = "grantpt", SetLastError = true)]
    internal static partial int GrantPty(int master);

    [LibraryImport("libc", EntryPoint = "unlockpt", SetLastError = true)]
    internal static partial int UnlockPty(int master);

    /// <summary>Returns the error number itself.</summary>
    [LibraryImport("libc", EntryPoint = "ptsname_r")]
    internal static partial int PtySlaveName(int master, byte* name, nuint capacity);

    [LibraryImport("libc", EntryPoint = "tcgetattr", SetLastError = true)]
    internal static partial int GetTerminalAttributes(int fd, out TerminalAttributes attributes);

    [LibraryImport("libc", EntryPoint = "tcsetattr", SetLastError = true)]
    internal static partial int SetTerminalAttributes(int fd, int when, in TerminalAttributes attributes);

    [LibraryImport("libc", EntryPoint = "tcgetpgrp", SetLastError = true)]
    internal static partial int ForegroundGroup(int fd);

    [LibraryImport("libc", EntryPoint = "getpgrp")]
    internal static partial int OwnGroup();
}

/// <summary>struct termios.</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct TerminalAttributes
{
    internal uint InputFlags;
    internal uint OutputFlags;
    internal uint ControlFlags;
    internal uint LocalFlags;
    internal byte LineDiscipline;
    internal ControlCharacters Characters;
    internal uint InputSpeed;
    internal uint OutputSpeed;

    /// <summary>The c_cc array.</summary>
    [InlineArray(32)]
    internal struct ControlCharacters
    {
        private byte _first;
    }
}

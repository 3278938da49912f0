using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;
using static Tmds.Linux.LibC;
using static Vmm.Core.Native.NativeCall;

namespace Vmm.Core.Native;

/// <summary>Terminals and pseudo-terminals.</summary>
public static partial class TerminalDevice
{
    // c_iflag: IGNBRK BRKINT PARMRK ISTRIP INLCR IGNCR ICRNL IXON.
    private const uint CookedInput = 0x1 | 0x2 | 0x8 | 0x20 | 0x40 | 0x80 | 0x100 | 0x400;

    private const uint ProcessOutput = 0x1; // OPOST
    private const uint SizeAndParity = 0x30 | 0x100; // CSIZE PARENB
    private const uint EightBits = 0x30; // CS8
    private const uint LineEditing = 0x8 | 0x40 | 0x2 | 0x8000; // ECHO ECHONL ICANON IEXTEN
    private const uint SignalKeys = 0x1; // ISIG
    private const int MinimumCharacters = 6; // VMIN
    private const int ReadTimeout = 5; // VTIME

    /// <summary>Makes a pseudo-terminal whose slave is raw. The master is non-blocking from its creation on.</summary>
    internal static unsafe (SafeFileHandle Master, string SlavePath) CreatePty()
    {
        var master = HostFile.OpenPath("/dev/ptmx", O_RDWR | O_NOCTTY | O_NONBLOCK, 0);
        try
        {
            using (var fd = new BorrowedDescriptor(master))
            {
                CheckLastError(NativeMethods.GrantPty(fd), "grantpt");
                CheckLastError(NativeMethods.UnlockPty(fd), "unlockpt");
            }

            string path = SlaveOf(master) ?? throw new InvalidOperationException("a new pseudo-terminal has no slave");
            using var slave = HostFile.OpenPath(path, O_RDWR | O_NOCTTY | O_NONBLOCK, 0);
            var attributes = GetAttributes(slave);
            SetAttributes(slave, Raw(attributes, processOutput: false, signalKeys: false));
            return (master, path);
        }
        catch
        {
            master.Dispose();
            throw;
        }
    }

    /// <summary>The path of a pseudo-terminal's slave; null if the descriptor is no master.</summary>
    internal static unsafe string? SlaveOf(SafeHandle master)
    {
        const int Capacity = 64;
        byte* name = stackalloc byte[Capacity];
        using var fd = new BorrowedDescriptor(master);
        return NativeMethods.PtySlaveName(fd, name, Capacity) == 0 ? Marshal.PtrToStringUTF8((nint)name) : null;
    }

    /// <summary>Whether a descriptor is a terminal.</summary>
    public static bool IsTerminal(SafeHandle handle)
    {
        using var fd = new BorrowedDescriptor(handle);
        return isatty(fd) == 1;
    }

    /// <summary>How many characters a terminal shows; all zero if it does not say, or the descriptor is no terminal.</summary>
    internal static unsafe (ushort Columns, ushort Rows) SizeOf(SafeHandle terminal)
    {
        const ulong GetWindowSize = 0x5413; // TIOCGWINSZ
        using var fd = new BorrowedDescriptor(terminal);
        var size = default(WindowSize);
        return ioctl(fd, GetWindowSize, &size) == 0 ? (size.Columns, size.Rows) : default;
    }

    /// <summary>Whether this process is in the foreground of its controlling terminal, and so may change it without being stopped.</summary>
    internal static bool IsForeground(SafeHandle terminal)
    {
        using var fd = new BorrowedDescriptor(terminal);
        int foreground = NativeMethods.ForegroundGroup(fd);
        return foreground < 0 || foreground == NativeMethods.OwnGroup();
    }

    /// <summary>A terminal's attributes.</summary>
    internal static TerminalAttributes GetAttributes(SafeHandle terminal)
    {
        using var fd = new BorrowedDescriptor(terminal);
        CheckLastError(NativeMethods.GetTerminalAttributes(fd, out var attributes), "tcgetattr");
        return attributes;
    }

    /// <summary>Sets a terminal's attributes at once.</summary>
    internal static void SetAttributes(SafeHandle terminal, in TerminalAttributes attributes)
    {
        using var fd = new BorrowedDescriptor(terminal);
        CheckLastError(NativeMethods.SetTerminalAttributes(fd, 0, in attributes), "tcsetattr");
    }

    /// <summary>Attributes under which bytes pass as they are.</summary>
    /// <param name="attributes">Where to start from.</param>
    /// <param name="processOutput">Whether a line feed still gets its carriage return on the way out.</param>
    /// <param name="signalKeys">Whether Ctrl-C and its like still raise signals.</param>
    internal static TerminalAttributes Raw(TerminalAttributes attributes, bool processOutput, bool signalKeys)
    {
        attributes.InputFlags &= ~CookedInput;
        attributes.OutputFlags = processOutput ? attributes.OutputFlags | ProcessOutput : attributes.OutputFlags & ~ProcessOutput;
        attributes.LocalFlags &= ~(LineEditing | (signalKeys ? 0 : SignalKeys));
        attributes.ControlFlags = (attributes.ControlFlags & ~SizeAndParity) | EightBits;
        attributes.Characters[MinimumCharacters] = 1;
        attributes.Characters[ReadTimeout] = 0;
        return attributes;
    }

    [LibraryImport("libc", SetLastError = true)]
    private static unsafe partial int ioctl(int fd, ulong request, WindowSize* argument);

    /// <summary>struct winsize.</summary>
    [StructLayout(LayoutKind.Sequential)]
    private struct WindowSize
    {
        internal ushort Rows;
        internal ushort Columns;
        internal ushort Width;
        internal ushort Height;
    }

    private static void CheckLastError(int result, string operation)
    {
        if (result < 0)
        {
            throw new PosixException(operation, Marshal.GetLastPInvokeError());
        }
    }
}

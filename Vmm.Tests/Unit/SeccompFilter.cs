// A seccomp filter holds for the thread that installed it and for the threads that it starts, and cannot be taken back: so a test installs one
// on a thread of its own. Source: the kernel's userspace-api/seccomp_filter.

using System.ComponentModel;
using System.Runtime.InteropServices;

namespace Vmm.Tests.Unit;

/// <summary>Has the kernel refuse system calls of a thread.</summary>
internal static partial class SeccompFilter
{
    private const int NoNewPrivileges = 38; // PR_SET_NO_NEW_PRIVS
    private const int SetSeccomp = 22; // PR_SET_SECCOMP
    private const int FilterMode = 2;
    private const ushort Load = 0x20; // BPF_LD | BPF_W | BPF_ABS
    private const ushort JumpIfEqual = 0x15; // BPF_JMP | BPF_JEQ | BPF_K
    private const ushort Return = 0x06; // BPF_RET | BPF_K
    private const uint Allow = 0x7fff0000;
    private const uint Error = 0x00050000; // SECCOMP_RET_ERRNO
    private const uint NumberAt = 0; // seccomp_data.nr
    private const uint ArgumentsAt = 16; // the lower half of seccomp_data.args[0]
    private const uint ArgumentSize = 8;

    /// <summary>From now on a call of the calling thread fails.</summary>
    /// <param name="number">The call's number.</param>
    /// <param name="error">The error number.</param>
    internal static void Refuse(uint number, uint error) => Install(
    [
        new(Load, 0, 0, NumberAt),
        new(JumpIfEqual, 0, 1, number),
        new(Return, 0, 0, Error | error),
        new(Return, 0, 0, Allow),
    ]);

    /// <summary>From now on a call of the calling thread fails if one of its arguments is a number.</summary>
    /// <param name="number">The call's number.</param>
    /// <param name="argument">Which argument, from 0.</param>
    /// <param name="value">What its lower half is then.</param>
    /// <param name="error">The error number.</param>
    internal static void Refuse(uint number, uint argument, uint value, uint error) => Install(
    [
        new(Load, 0, 0, NumberAt),
        new(JumpIfEqual, 0, 3, number),
        new(Load, 0, 0, ArgumentsAt + (argument * ArgumentSize)),
        new(JumpIfEqual, 0, 1, value),
        new(Return, 0, 0, Error | error),
        new(Return, 0, 0, Allow),
    ]);

    private static void Install(Instruction[] filter)
    {
        var pinned = GCHandle.Alloc(filter, GCHandleType.Pinned);
        try
        {
            var program = new Program { Length = (ushort)filter.Length, Filter = pinned.AddrOfPinnedObject() };
            if (Control(NoNewPrivileges, 1, 0, 0, 0) != 0 || Control(SetSeccomp, FilterMode, in program, 0, 0) != 0)
            {
                throw new Win32Exception(Marshal.GetLastPInvokeError(), $"seccomp: {Marshal.GetLastPInvokeErrorMessage()}");
            }
        }
        finally
        {
            pinned.Free();
        }
    }

    [LibraryImport("libc", EntryPoint = "prctl", SetLastError = true)]
    private static partial int Control(int option, nuint first, nuint second, nuint third, nuint fourth);

    [LibraryImport("libc", EntryPoint = "prctl", SetLastError = true)]
    private static partial int Control(int option, nuint mode, in Program program, nuint third, nuint fourth);

    /// <summary>struct sock_filter.</summary>
    [StructLayout(LayoutKind.Sequential)]
    private readonly record struct Instruction(ushort Code, byte IfTrue, byte IfFalse, uint Value);

    /// <summary>struct sock_fprog.</summary>
    [StructLayout(LayoutKind.Sequential)]
    private struct Program
    {
        internal ushort Length;
        internal nint Filter;
    }
}

// A host that refuses kicks. A seccomp filter holds for the thread that installed it and for no other: whatever such a thread does,
// its tgkill of the kick's signal fails with EPERM. The runtime's own signals pass. Source: the kernel's userspace-api/seccomp_filter.

using System.ComponentModel;
using System.Runtime.InteropServices;
using Vmm.Kvm.Cpus;

namespace Vmm.Tests.Kvm;

/// <summary>Runs something on a thread of its own whose kicks the kernel refuses.</summary>
internal static partial class RefusedKicks
{
    private const int NoNewPrivileges = 38; // PR_SET_NO_NEW_PRIVS
    private const int SetSeccomp = 22; // PR_SET_SECCOMP
    private const int FilterMode = 2;
    private const ushort Load = 0x20; // BPF_LD | BPF_W | BPF_ABS
    private const ushort JumpIfEqual = 0x15; // BPF_JMP | BPF_JEQ | BPF_K
    private const ushort Return = 0x06; // BPF_RET | BPF_K
    private const uint Allow = 0x7fff0000;
    private const uint NotPermitted = 0x00050000 | 1; // SECCOMP_RET_ERRNO | EPERM
    private const uint ThreadKill = 234; // tgkill
    private const uint NumberAt = 0; // seccomp_data.nr
    private const uint SignalAt = 32; // seccomp_data.args[2], its lower half

    /// <summary>Does it, and returns what it answers.</summary>
    internal static Task<T> DoAsync<T>(Func<T> work)
    {
        var done = new TaskCompletionSource<T>(TaskCreationOptions.RunContinuationsAsynchronously);
        new Thread(() =>
        {
            try
            {
                Install();
                done.SetResult(work());
            }
            catch (Exception e)
            {
                done.SetException(e);
            }
        }).Start();
        return done.Task;
    }

    private static void Install()
    {
        Instruction[] filter =
        [
            new(Load, 0, 0, NumberAt),
            new(JumpIfEqual, 0, 3, ThreadKill),
            new(Load, 0, 0, SignalAt),
            new(JumpIfEqual, 0, 1, KickSignal.Number),
            new(Return, 0, 0, NotPermitted),
            new(Return, 0, 0, Allow),
        ];
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

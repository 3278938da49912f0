// A thread without capabilities. The system call, unlike glibc's function of the same name, changes the user of the calling thread alone, and
// a thread that changes from root to another user loses every capability. A limit is the process's: real-time priorities are, for as long as the
// test runs, allowed to threads that may have them anyway.

using System.ComponentModel;
using System.Runtime.InteropServices;

namespace Vmm.Tests.Unit;

/// <summary>Runs a test's action on a thread of a user that owns nothing. Where that cannot be had, the test is skipped, loudly.</summary>
internal static partial class UnprivilegedThread
{
    private const long SetUsers = 117; // setresuid
    private const int RealTimePriority = 14; // RLIMIT_RTPRIO
    private const nint Nobody = 65534;

    /// <summary>Runs it with a limit on real-time priorities (RLIMIT_RTPRIO).</summary>
    internal static void Run(ulong realTimeLimit, Action action)
    {
        if (!Environment.IsPrivilegedProcess)
        {
            Skip("only root can raise the limit and become another user");
        }

        if (Limit(0, RealTimePriority, new Pair(realTimeLimit, realTimeLimit), out var before) != 0)
        {
            Skip($"RLIMIT_RTPRIO cannot be raised: {Marshal.GetLastPInvokeErrorMessage()}");
        }

        try
        {
            OwnThread.Run(() =>
            {
                BecomeNobody();
                action();
            });
        }
        finally
        {
            Check(Limit(0, RealTimePriority, before, out _), "prlimit");
        }
    }

    /// <summary>Takes all rights from the calling thread, which is the test's own.</summary>
    internal static void BecomeNobody() => Check((int)Call(SetUsers, Nobody, Nobody, Nobody), "setresuid");

    private static void Skip(string reason)
    {
        string loud = $"SKIPPED: {reason}";
        TestContext.Progress.WriteLine(loud);
        Assert.Ignore(loud);
    }

    private static void Check(int result, string call)
    {
        if (result != 0)
        {
            throw new Win32Exception(Marshal.GetLastPInvokeError(), $"{call}: {Marshal.GetLastPInvokeErrorMessage()}");
        }
    }

    [LibraryImport("libc", EntryPoint = "syscall", SetLastError = true)]
    private static partial nint Call(long number, nint first, nint second, nint third);

    [LibraryImport("libc", EntryPoint = "prlimit", SetLastError = true)]
    private static partial int Limit(int process, int resource, in Pair limit, out Pair previous);

    /// <summary>struct rlimit.</summary>
    [StructLayout(LayoutKind.Sequential)]
    private readonly record struct Pair(ulong Soft, ulong Hard);
}

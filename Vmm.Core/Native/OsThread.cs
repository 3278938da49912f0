using System.Runtime.InteropServices;
using static Tmds.Linux.LibC;
using static Vmm.Core.Native.NativeCall;

namespace Vmm.Core.Native;

/// <summary>Threads of this process as the kernel has them: identity, processors, scheduling.</summary>
public static partial class OsThread
{
    /// <summary>The error of a call about a thread that has ended.</summary>
    public const int NoSuchThread = 3; // ESRCH

    private const int LargestCpuSet = 1024 / 8;

    /// <summary>The calling thread, as the kernel names it.</summary>
    public static int CurrentId => gettid();

    /// <summary>The processors a thread may use, one bit each.</summary>
    public static unsafe byte[] GetAffinity(int threadId)
    {
        var mask = new byte[LargestCpuSet];
        fixed (byte* p = mask)
        {
            Check(sched_getaffinity(threadId, (nuint)mask.Length, p), $"sched_getaffinity of thread {threadId}");
        }

        return mask;
    }

    /// <summary>Confines a thread to processors.</summary>
    public static unsafe void SetAffinity(int threadId, ReadOnlySpan<byte> mask)
    {
        fixed (byte* p = mask)
        {
            Check(sched_setaffinity(threadId, (nuint)mask.Length, p), $"sched_setaffinity of thread {threadId}");
        }
    }

    /// <summary>A thread's scheduling policy and real-time priority.</summary>
    public static unsafe (int Policy, int Priority) GetScheduler(int threadId)
    {
        int policy = sched_getscheduler(threadId);
        Check(policy, $"sched_getscheduler of thread {threadId}");
        int priority;
        Check(sched_getparam(threadId, &priority), $"sched_getparam of thread {threadId}");
        return (policy, priority);
    }

    /// <summary>Sets a thread's scheduling policy and real-time priority.</summary>
    public static unsafe void SetScheduler(int threadId, int policy, int priority) =>
        Check(sched_setscheduler(threadId, policy, &priority), $"sched_setscheduler of thread {threadId}, policy {policy}, priority {priority}");

    /// <summary>A thread's scheduling policy; negative where the host does not say.</summary>
    internal static int PolicyOf(int threadId) => sched_getscheduler(threadId);

    /// <summary>Sets a thread's scheduling policy and real-time priority, if this process may. Allocates nothing.</summary>
    internal static unsafe bool TrySetScheduler(int threadId, int policy, int priority) => sched_setscheduler(threadId, policy, &priority) == 0;

    /// <summary>Puts the calling thread to sleep. A signal may end that early: no caller depends on the time having passed.</summary>
    public static unsafe void Sleep(uint nanoseconds)
    {
        var time = stackalloc long[] { 0, nanoseconds };
        _ = nanosleep(time, null);
    }

    [LibraryImport("libc")]
    private static partial int gettid();

    // struct timespec is two longs.
    [LibraryImport("libc")]
    private static unsafe partial int nanosleep(long* time, long* left);

    // struct sched_param is one int.
    [LibraryImport("libc", SetLastError = true)]
    private static unsafe partial int sched_getaffinity(int pid, nuint size, byte* mask);

    [LibraryImport("libc", SetLastError = true)]
    private static unsafe partial int sched_setaffinity(int pid, nuint size, byte* mask);

    [LibraryImport("libc", SetLastError = true)]
    private static partial int sched_getscheduler(int pid);

    [LibraryImport("libc", SetLastError = true)]
    private static unsafe partial int sched_getparam(int pid, int* parameters);

    [LibraryImport("libc", SetLastError = true)]
    private static unsafe partial int sched_setscheduler(int pid, int policy, int* parameters);
}

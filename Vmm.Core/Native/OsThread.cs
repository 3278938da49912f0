using System.Runtime.InteropServices;
using static Tmds.Linux.LibC;
using static Vmm.Core.Native.NativeCall;

namespace Vmm.Core.Native;

/// <summary>Threads of this process as the kernel has them: identity, processors, scheduling.</summary>
public static partial class OsThread
{
    /// <summary>The error of a call about a thread that has ended.</summary>
    public const int NoSuchThread = 3; // ESRCH

    /// <summary>SCHED_RESET_ON_FORK, beside a policy: what the thread starts is an ordinary thread.</summary>
    internal const int ResetOnFork = 0x4000_0000;

    private const int LargestCpuSet = 1024 / 8;
    private const nint SetAttributes = 314; // sched_setattr
    private const nint GetAttributes = 315; // sched_getattr
    private const ulong ResetOnForkFlag = 1; // SCHED_FLAG_RESET_ON_FORK

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

    /// <summary>An ordinary thread's policy, nice value and time slice in nanoseconds; a negative policy where the host does not say, slice 0 before Linux 6.12.</summary>
    internal static unsafe (int Policy, int Nice, ulong Slice) OrdinaryScheduler(int threadId)
    {
        var attributes = default(SchedulingAttributes);
        return syscall(GetAttributes, threadId, (nint)(&attributes), sizeof(SchedulingAttributes), 0) == 0
            ? ((int)attributes.Policy | ((attributes.Flags & ResetOnForkFlag) != 0 ? ResetOnFork : 0), attributes.Nice, attributes.Runtime)
            : (-1, 0, 0);
    }

    /// <summary>
    /// Makes a thread an ordinary one, with a time slice of its own: one with a shorter slice is chosen before others, and gets no more time than they do.
    /// Allocates nothing.
    /// </summary>
    /// <param name="threadId">The thread.</param>
    /// <param name="policy">An ordinary policy, with SCHED_RESET_ON_FORK or without.</param>
    /// <param name="nice">Its nice value.</param>
    /// <param name="slice">Nanoseconds, from 100,000 on; 0 changes nothing. Linux before 6.12 has one slice for all.</param>
    /// <returns>Whether this process may.</returns>
    internal static unsafe bool TrySetOrdinary(int threadId, int policy, int nice, ulong slice)
    {
        var attributes = new SchedulingAttributes
        {
            Size = (uint)sizeof(SchedulingAttributes),
            Policy = (uint)(policy & ~ResetOnFork),
            Flags = (policy & ResetOnFork) != 0 ? ResetOnForkFlag : 0,
            Nice = nice,
            Runtime = slice,
        };
        return syscall(SetAttributes, threadId, (nint)(&attributes), 0, 0) == 0;
    }

    /// <summary>Sets a thread's scheduling policy and real-time priority, if this process may. Allocates nothing.</summary>
    internal static unsafe bool TrySetScheduler(int threadId, int policy, int priority) => sched_setscheduler(threadId, policy, &priority) == 0;

    /// <summary>Puts the calling thread to sleep. A signal may end that early: no caller depends on the time having passed.</summary>
    public static unsafe void Sleep(uint nanoseconds)
    {
        var time = stackalloc long[] { 0, nanoseconds };
        _ = nanosleep(time, null);
    }

    [LibraryImport("libc")]
    private static partial nint syscall(nint number, nint first, nint second, nint third, nint fourth);

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

    // struct sched_attr, its first version. Source: Linux's sched_setattr(2).
    [StructLayout(LayoutKind.Sequential)]
    private struct SchedulingAttributes
    {
        internal uint Size;
        internal uint Policy;
        internal ulong Flags;
        internal int Nice;
        internal uint Priority;
        internal ulong Runtime;
        internal ulong Deadline;
        internal ulong Period;
    }
}

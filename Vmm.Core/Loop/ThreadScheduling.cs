// How a thread shares its processor with the guest's vCPUs, and when it does not.
//
// What a process does besides running its guest, it does on processors that a vCPU may want. The host's scheduler takes turns of a
// timer tick, some milliseconds: a loop that has work of one millisecond, and happens to be woken on a vCPU's processor, is one
// millisecond in which the guest does not run, several times the pause of an update. The work can wait and consists of many
// small parts, so between two of them a thread that has used up its time slice sleeps for a moment. A vCPU that waited runs at
// once; and when the thread wakes up, the scheduler looks anew for an idle processor, which it does not do for one that only
// calls sched_yield. So the guest waits for one part at a time, and the work takes half as long again.
//
// While the guest is stopped anyway, between two processes, the work is what it waits for: the thread does not sleep, and has
// real-time priority (ThreadBoost).
//
// No work calls this: it is entered as a scope where work begins. Paced yields between the parts of long work, LoopCalls between the calls of
// a loop, and Machines/PauseScope boosts the thread that a stopped guest waits for.

using System.Diagnostics;
using Vmm.Core.Native;

namespace Vmm.Core.Loop;

/// <summary>The calling thread's use of its processor: yielding, and real-time boost. Every member is about the calling thread.</summary>
internal static class ThreadScheduling
{
    /// <summary>The least that makes the scheduler choose anew; nanoseconds, to which the kernel adds its timer slack, 50,000.</summary>
    private const uint ShortSleep = 20_000;

    /// <summary>How long a guest may be kept from its processor.</summary>
    private static readonly TimeSpan Slice = TimeSpan.FromMicroseconds(150);

    [ThreadStatic]
    private static long _sliceBegan;

    [ThreadStatic]
    private static bool _isBoosted;

    [ThreadStatic]
    private static ThreadBoost? _boost;

    /// <summary>Called between two parts of what need not be done at once: yields the processor if the thread has used up its slice.</summary>
    internal static void Yield()
    {
        if (!_isBoosted && Stopwatch.GetElapsedTime(_sliceBegan) > Slice)
        {
            YieldNow();
        }
    }

    /// <summary>Yields the processor, also before the slice is used up: what comes next should not be cut short.</summary>
    internal static void YieldNow()
    {
        OsThread.Sleep(ShortSleep);
        BeginSlice();
    }

    /// <summary>
    /// A guest is stopped, or is about to be, until the thread is done: it does not yield and has real-time priority, until <see cref="EndBoost"/>.
    /// </summary>
    internal static void BeginBoost()
    {
        _isBoosted = true;
        (_boost ??= new ThreadBoost()).Raise(OsThread.CurrentId);
    }

    /// <summary>Ends what <see cref="BeginBoost"/> began, if it did.</summary>
    internal static void EndBoost()
    {
        _isBoosted = false;
        _boost?.Lower();
    }

    /// <summary>The thread has just slept.</summary>
    internal static void BeginSlice() => _sliceBegan = Stopwatch.GetTimestamp();
}

// What a process does besides running its guest, it does on processors that a vCPU may want. The host's scheduler takes turns of a
// timer tick, some milliseconds: a loop that has work of one millisecond, and happens to be woken on a vCPU's processor, is one
// millisecond in which the guest stands still, several times the pause of an update. The work is not urgent and consists of many
// small parts, so between them a thread that has kept its processor for long sleeps for a moment. A vCPU that waited goes on at
// once; and when the thread wakes the scheduler looks anew for a processor that nobody uses, which it does not do for one that
// only yields. So the guest stands still for one part at a time, and the work takes half as long again.
//
// While the guest stands still anyway, between two processes, the work is what it waits for: nobody sleeps, and the thread goes
// before what else the host does.

using System.Diagnostics;
using Vmm.Core.Native;

namespace Vmm.Core.Loop;

/// <summary>A thread's turns on its processor. Every member is about the calling thread.</summary>
public static class Courtesy
{
    /// <summary>The least that makes the scheduler choose anew; nanoseconds, to which the kernel adds its timer slack, 50,000.</summary>
    private const uint Moment = 20_000;

    /// <summary>How long a guest may be kept from its processor.</summary>
    private static readonly TimeSpan Turn = TimeSpan.FromMicroseconds(150);

    [ThreadStatic]
    private static long _turnBegan;

    [ThreadStatic]
    private static bool _isUrgent;

    [ThreadStatic]
    private static ThreadUrgency? _urgency;

    /// <summary>Called between two parts of what need not be done at once: lets others have the processor, if the thread has had it for a turn.</summary>
    public static void GiveWay()
    {
        if (!_isUrgent && Stopwatch.GetElapsedTime(_turnBegan) > Turn)
        {
            GiveWayNow();
        }
    }

    /// <summary>Lets others have the processor, also before the turn is over: what comes next should not be cut short.</summary>
    public static void GiveWayNow()
    {
        Posix.Sleep(Moment);
        BeginTurn();
    }

    /// <summary>A guest stands still, or is about to, until the thread is done: it gives way to nobody, until <see cref="EndUrgency"/>.</summary>
    public static void BeginUrgency()
    {
        _isUrgent = true;
        (_urgency ??= new ThreadUrgency()).Raise(Posix.CurrentThreadId);
    }

    /// <summary>Ends what <see cref="BeginUrgency"/> began, if it did.</summary>
    public static void EndUrgency()
    {
        _isUrgent = false;
        _urgency?.Lower();
    }

    /// <summary>The thread has just slept.</summary>
    internal static void BeginTurn() => _turnBegan = Stopwatch.GetTimestamp();
}

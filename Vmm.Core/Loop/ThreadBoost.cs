// An ordinary thread that wakes may wait until the slice of another is over, some milliseconds, ten times the whole pause of an
// update; and the host's scheduler leaves it on a processor that a real-time thread keeps taking from it though another is idle. A real-time
// thread waits only for other real-time threads, and is moved at once to where it can run. So the threads that a pause is made of have the lowest
// real-time priority while it lasts, where this process may give it (CAP_SYS_NICE, or RLIMIT_RTPRIO of 1 or more). There is little for them to
// do, and all have the same priority: one that yields, yields to the others.

using Vmm.Core.Native;

namespace Vmm.Core.Loop;

/// <summary>A thread's scheduling policy, raised and lowered. Raised by one thread at a time; lowered by any. Neither fails: a pause proceeds without.</summary>
public sealed class ThreadBoost
{
    private const int Fifo = 1;
    private const int RoundRobin = 2;
    private const int Deadline = 6;
    private const int ResetOnFork = 0x4000_0000;

    private int _threadId;
    private int _policy;
    private int _isRaised;

    /// <summary>
    /// Raises the thread. One that is real-time already stays what it is, and so does every thread where this process may not: then the pause
    /// depends on how busy the host is.
    /// </summary>
    public void Raise(int threadId)
    {
        if (Volatile.Read(ref _isRaised) != 0)
        {
            return;
        }

        (_threadId, _policy) = (threadId, OsThread.PolicyOf(threadId));

        // What the thread starts meanwhile does not belong to the pause.
        bool isOrdinary = _policy >= 0 && (_policy & ~ResetOnFork) is not (Fifo or RoundRobin or Deadline);
        if (isOrdinary && OsThread.TrySetScheduler(threadId, Fifo | ResetOnFork, 1))
        {
            Volatile.Write(ref _isRaised, 1);
        }
    }

    /// <summary>Gives the thread back the policy that it had; without effect when it was not raised. Allocates nothing.</summary>
    public void Lower()
    {
        if (Volatile.Read(ref _isRaised) != 0
            && Interlocked.Exchange(ref _isRaised, 0) != 0
            && !OsThread.TrySetScheduler(_threadId, _policy, 0))
        {
            // A process that may raise by RLIMIT_RTPRIO alone may not clear that flag again; any thread may lower its priority.
            OsThread.TrySetScheduler(_threadId, _policy | ResetOnFork, 0);
        }
    }
}

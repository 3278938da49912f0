// An ordinary thread that wakes may wait until the slice of another is over, some milliseconds, ten times the whole pause of an
// update; and the host's scheduler leaves it on a processor that a real-time thread keeps taking from it though another is idle. A real-time
// thread waits only for other real-time threads, and is moved at once to where it can run. So the threads that a pause is made of have the lowest
// real-time priority while it lasts, where this process may give it (CAP_SYS_NICE, or RLIMIT_RTPRIO of 1 or more). There is little for them to
// do, and all have the same priority: one that yields, yields to the others.
//
// A thread that gives its priority up joins the ordinary threads of its processor, and the scheduler may well choose one of those instead: their
// slices have begun. For a vCPU that is about to enter the guest that is the same wait again, so it gives the priority up for the shortest slice that
// there is (StepDown): the scheduler chooses by the end of the slice. It gets no more time by that than before, and its own slice back with the end
// of the pause.

using Vmm.Core.Native;

namespace Vmm.Core.Loop;

/// <summary>A thread's scheduling policy, raised and lowered. Raised by one thread at a time; lowered by any. Neither fails: a pause proceeds without.</summary>
public sealed class ThreadBoost
{
    private const int Fifo = 1;
    private const int RoundRobin = 2;
    private const int Deadline = 6;
    private const ulong ShortestSlice = 100_000; // nanoseconds

    private int _threadId;
    private int _policy;
    private int _nice;
    private ulong _slice;
    private int _state;
    private bool _isOver;

    /// <summary>What the thread is to the scheduler; <see cref="_state"/> has its number.</summary>
    private enum State
    {
        Ordinary,
        RealTime,
        SteppingDown,
        ShortSlice,
    }

    /// <summary>
    /// Raises the thread. One that is real-time already stays what it is, and so does every thread where this process may not: then the pause
    /// depends on how busy the host is.
    /// </summary>
    public void Raise(int threadId)
    {
        if (Now == State.RealTime)
        {
            return;
        }

        Lower();
        _threadId = threadId;
        (_policy, _nice, _slice) = OsThread.OrdinaryScheduler(threadId);
        Volatile.Write(ref _isOver, false);

        // What the thread starts meanwhile does not belong to the pause.
        bool isOrdinary = _policy >= 0 && (_policy & ~OsThread.ResetOnFork) is not (Fifo or RoundRobin or Deadline);
        if (isOrdinary && OsThread.TrySetScheduler(threadId, Fifo | OsThread.ResetOnFork, 1))
        {
            Volatile.Write(ref _state, (int)State.RealTime);
        }
    }

    /// <summary>
    /// The thread itself ends its real-time priority, and is chosen before other ordinary threads until <see cref="Lower"/>. Without effect when it was
    /// not raised. Allocates nothing.
    /// </summary>
    public void StepDown()
    {
        if (!TryMove(State.RealTime, State.SteppingDown))
        {
            return;
        }

        SetOrdinary(ShortestSlice);
        if (!TryMove(State.SteppingDown, State.ShortSlice))
        {
            SetOrdinary(_slice);
        }
        else if (Volatile.Read(ref _isOver))
        {
            Lower();
        }
    }

    /// <summary>Gives the thread back the policy that it had; without effect when it was not raised. Allocates nothing.</summary>
    public void Lower()
    {
        // One that is about to step down sees to it itself.
        if ((State)Interlocked.Exchange(ref _state, (int)State.Ordinary) is State.RealTime or State.ShortSlice)
        {
            SetOrdinary(_slice);
        }
    }

    /// <summary>The pause is over. A thread that still waits for a processor keeps its priority until it steps down, and is then what it was.</summary>
    public void LowerWhenDown()
    {
        Volatile.Write(ref _isOver, true);
        Interlocked.MemoryBarrier();
        if (Now == State.ShortSlice)
        {
            Lower();
        }
    }

    private State Now => (State)Volatile.Read(ref _state);

    private bool TryMove(State from, State to) => Interlocked.CompareExchange(ref _state, (int)to, (int)from) == (int)from;

    private void SetOrdinary(ulong slice)
    {
        if (TrySetOrdinary(_policy, slice))
        {
            return;
        }

        // A process that may raise by RLIMIT_RTPRIO alone may not clear that flag again; any thread may lower its priority.
        _ = TrySetOrdinary(_policy | OsThread.ResetOnFork, slice);
    }

    // The call that raised it is the way back where a filter of system calls lets only that one pass.
    private bool TrySetOrdinary(int policy, ulong slice) =>
        OsThread.TrySetOrdinary(_threadId, policy, _nice, slice) || OsThread.TrySetScheduler(_threadId, policy, 0);
}

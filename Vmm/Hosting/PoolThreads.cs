// The runtime's pool, on which parts of the monitors run, with threads that exist from the start and stay.
//
// By itself the pool makes a thread when there is work, ends it when it was idle for a while, and makes another; where the host gives
// no more threads, that ends the process or loses the work. The project file sets the least and the greatest number of workers to the
// same and has them live as long as the process (System.Threading.ThreadPool.*); here they are all started, by giving each something
// to do until all of them do it. The pool's own supervisor thread starts with the first.
//
// A pool that does not get its threads ends the process silently, so it is tried beforehand whether that many can be made: with
// threads of the C library, which take negligible time even beside a busy guest.
//
// Nothing that runs on the pool may block for long: there are no more workers than these.

using Vmm.Core.Native;

namespace Vmm.Hosting;

/// <summary>The threads of the runtime's pool.</summary>
internal static class PoolThreads
{
    private const int Supervisors = 1;

    /// <summary>Long enough for the busiest host, and an end where a thread does not come after all.</summary>
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(30);

    /// <summary>Starts them all. Before the guest.</summary>
    /// <param name="others">How many threads the process will need besides.</param>
    /// <exception cref="IOException">The host gives this process no more threads.</exception>
    internal static void Start(int others)
    {
        ThreadPool.GetMinThreads(out int count, out _);
        if (!SpareThreads.MayHave(count + Supervisors + others))
        {
            throw NoMore();
        }

        var running = new CountdownEvent(count);
        for (int i = 0; i < count; i++)
        {
            ThreadPool.UnsafeQueueUserWorkItem(
                static all =>
                {
                    all.Signal();
                    all.Wait();
                },
                running,
                preferLocal: false);
        }

        if (!running.Wait(Limit))
        {
            throw NoMore();
        }
    }

    private static IOException NoMore() =>
        new("the host gives this process no more threads; what limits them is RLIMIT_NPROC, RLIMIT_AS and its control groups");
}

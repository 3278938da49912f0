// Where the host runs a vCPU's thread: the processors it may use and its scheduling policy. Management sets these from
// outside by thread id, so a successor can only know them from the plan.

using Vmm.Core.Native;

namespace Vmm.Migration.Plans;

/// <summary>A thread's processors and scheduling policy.</summary>
/// <param name="Affinity">One bit per processor, lowest first, as sched_getaffinity(2) gives it.</param>
/// <param name="Policy">The SCHED_ constant, with SCHED_RESET_ON_FORK where the thread has it.</param>
/// <param name="Priority">The real-time priority; 0 for the other policies.</param>
internal sealed record ThreadPlacement(ReadOnlyMemory<byte> Affinity, int Policy, int Priority)
{
    private const int ResetOnFork = 0x4000_0000;

    /// <summary>Reads a thread's placement.</summary>
    internal static ThreadPlacement Of(int threadId)
    {
        var (policy, priority) = OsThread.GetScheduler(threadId);
        return new ThreadPlacement(OsThread.GetAffinity(threadId), policy, priority);
    }

    /// <summary>Places a thread likewise, as far as this process may.</summary>
    /// <returns>What could not be applied and why, for the operator.</returns>
    internal IReadOnlyList<string> Apply(int threadId)
    {
        var problems = new PlacementProblems();
        problems.Try($"processors {IdList.Of(Affinity.Span)}", () =>
        {
            if (!OsThread.GetAffinity(threadId).AsSpan().SequenceEqual(Affinity.Span))
            {
                OsThread.SetAffinity(threadId, Affinity.Span);
            }
        });
        problems.Try($"scheduling policy {PolicyName}, priority {Priority}", () =>
        {
            if (OsThread.GetScheduler(threadId) != (Policy, Priority))
            {
                OsThread.SetScheduler(threadId, Policy, Priority);
            }
        });
        return problems.Sentences;
    }

    private string PolicyName => (Policy & ~ResetOnFork) switch
    {
        0 => "SCHED_OTHER",
        1 => "SCHED_FIFO",
        2 => "SCHED_RR",
        3 => "SCHED_BATCH",
        5 => "SCHED_IDLE",
        6 => "SCHED_DEADLINE",
        _ => $"{Policy}",
    };
}

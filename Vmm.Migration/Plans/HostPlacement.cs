// Where the host lets a process have its memory, as far as an operator sets it from outside: numactl's policy, with which
// the process was started, prctl's ban on transparent huge pages, prlimit's bound for locked memory. A successor that was started without them
// learns them only from the plan.
//
// What need not be carried: a policy that was bound to a RAM file lives with the file, and so crosses with it; advice on huge
// pages and core dumps follows from the command line, and the plan compares it; vmm locks no memory itself; thread
// names follow from their number, and no other process can change them. Control groups are the operator's.

using Vmm.Core.Native;

namespace Vmm.Migration.Plans;

/// <summary>A process's memory placement; null where the host does not say.</summary>
/// <param name="Policy">The NUMA policy of the machine loop's thread; vCPU threads inherit it.</param>
/// <param name="HugePagesDisabled">Whether transparent huge pages are banned: 0, or 1 with the kernel's flags.</param>
/// <param name="LockLimit">How many bytes the process may lock; the largest value is no limit.</param>
internal sealed record HostPlacement(NumaPolicy? Policy, int? HugePagesDisabled, ulong? LockLimit)
{
    /// <summary>Nothing is known: what a peer says that speaks protocol version 1.</summary>
    internal static HostPlacement Unknown { get; } = new(null, null, null);

    /// <summary>Reads this process's placement. A sandbox may forbid a part of it; that is no reason to fail.</summary>
    internal static HostPlacement OfThisProcess() => new(
        OrDefault(NumaPolicy.OfThisThread), OrDefault<int?>(() => ProcessMemory.GetHugePagesDisabled()), OrDefault<ulong?>(() => ProcessMemory.GetLockLimit().Soft));

    /// <summary>Places this process likewise, as far as it may. Before RAM is mapped and the vCPU threads are made; on the machine loop.</summary>
    /// <returns>What could not be applied and why, for the operator.</returns>
    internal IReadOnlyList<string> Apply()
    {
        var own = OfThisProcess();
        var problems = new PlacementProblems();
        if (Policy is not null && !Policy.Equals(own.Policy))
        {
            problems.Try($"{Policy}", Policy.Apply);
        }

        if (HugePagesDisabled is { } disabled && disabled != own.HugePagesDisabled)
        {
            problems.Try($"transparent huge pages {(disabled == 0 ? "allowed" : "banned")}", () => ProcessMemory.SetHugePagesDisabled(disabled));
        }

        // A limit above old's is the operator's choice; it is never lowered.
        if (LockLimit is { } limit && limit > own.LockLimit)
        {
            problems.Try(
                $"a limit of {(limit == ulong.MaxValue ? "any number of" : $"{limit}")} bytes of locked memory",
                () => ProcessMemory.SetLockLimit(limit, Math.Max(limit, ProcessMemory.GetLockLimit().Hard)));
        }

        return problems.Sentences;
    }

    private static T? OrDefault<T>(Func<T> read)
    {
        try
        {
            return read();
        }
        catch (PosixException)
        {
            return default;
        }
    }
}

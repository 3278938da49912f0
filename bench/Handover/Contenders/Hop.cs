namespace Vmm.Bench.Handover.Contenders;

/// <summary>One handover as the two processes account for it.</summary>
/// <param name="PauseMicroseconds">From the decision to stop to the first entry in the new process.</param>
internal sealed record Hop(double PauseMicroseconds)
{
    /// <summary>The steps, in microseconds, in the order in which they happen.</summary>
    internal IReadOnlyList<(string Name, double Microseconds)> Phases { get; init; } = [];

    /// <summary>From the command until the old process said that it was done.</summary>
    internal double CommandMilliseconds { get; init; }

    /// <summary>From exec until the new process waited for a guest.</summary>
    internal double ReadyMilliseconds { get; init; }

    /// <summary>What the new process spent on mapping RAM ahead, the guest running.</summary>
    internal double PrefaultMicroseconds { get; init; }

    /// <summary>Bytes of state.</summary>
    internal long Bytes { get; init; }

    /// <summary>A step's time, 0 for one that this contender does not have.</summary>
    internal double this[string phase] => Phases.FirstOrDefault(p => p.Name == phase).Microseconds;
}

// What limits must keep so that they mean something: QEMU's rules, in QEMU's order and words.

namespace Vmm.Core.Backends.Block;

/// <summary>Checks the limits of a throttle group.</summary>
public static class ThrottleRules
{
    /// <summary>The greatest limit: beyond it the arithmetic of a bucket would not be exact.</summary>
    public const ulong Greatest = 1_000_000_000_000_000;

    /// <summary>Whether a group limits anything.</summary>
    public static bool IsLimiting(ThrottleGroupConfiguration group) => LimitsOf(group).Any(limit => limit.Average > 0);

    /// <summary>What is wrong with a group's limits; null if they are right.</summary>
    public static string? Violation(ThrottleGroupConfiguration group)
    {
        ArgumentNullException.ThrowIfNull(group);
        if (Conflict(group.TotalBytes, group.ReadBytes, group.WriteBytes) || Conflict(group.TotalRequests, group.ReadRequests, group.WriteRequests))
        {
            return "bps/iops/max total values and read/write values cannot be used at the same time";
        }

        if (group.RequestSize > 0 && group.TotalRequests.Average == 0 && group.ReadRequests.Average == 0 && group.WriteRequests.Average == 0)
        {
            return "iops size requires an iops value to be set";
        }

        return LimitsOf(group).Select(Violation).FirstOrDefault(violation => violation is not null);
    }

    /// <summary>The six limits: bytes, then requests; total, reads, writes.</summary>
    public static IEnumerable<ThrottleLimit> LimitsOf(ThrottleGroupConfiguration group)
    {
        ArgumentNullException.ThrowIfNull(group);
        return [group.TotalBytes, group.ReadBytes, group.WriteBytes, group.TotalRequests, group.ReadRequests, group.WriteRequests];
    }

    private static string? Violation(ThrottleLimit limit) =>
        limit.Average > Greatest || limit.Burst > Greatest ? $"bps/iops/max values must be within [0, {Greatest}]"
        : limit.BurstSeconds > 1 && limit.Burst == 0 ? "burst length set without burst rate"
        : limit.Burst > 0 && limit.BurstSeconds > Greatest / limit.Burst ? "burst length too high for this burst rate"
        : limit.Burst > 0 && limit.Average == 0 ? "bps_max/iops_max require corresponding bps/iops values"
        : limit.Burst > 0 && limit.Burst < limit.Average ? "bps_max/iops_max cannot be lower than bps/iops"
        : null;

    private static bool Conflict(ThrottleLimit total, ThrottleLimit read, ThrottleLimit write) =>
        (total.Average > 0 && (read.Average > 0 || write.Average > 0)) || (total.Burst > 0 && (read.Burst > 0 || write.Burst > 0));
}

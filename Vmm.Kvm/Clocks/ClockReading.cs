namespace Vmm.Kvm.Clocks;

/// <summary>The guest's clock and the host's at one instant.</summary>
/// <param name="Guest">kvmclock in nanoseconds.</param>
/// <param name="Tsc">The host's TSC; 0 where KVM does not say.</param>
/// <param name="Raw">The host's raw boot time in nanoseconds.</param>
internal readonly record struct ClockReading(ulong Guest, ulong Tsc, ulong Raw)
{
    /// <summary>What the guest's clock shows at a later instant if it has run undisturbed since this reading.</summary>
    internal ulong At(ClockReading now, TscScale scale) =>
        Tsc != 0 && now.Tsc >= Tsc ? Guest + scale.Nanoseconds(now.Tsc - Tsc) : Guest + (now.Raw - Raw);
}

namespace Vmm.Migration.Handover;

/// <summary>What a preflight found.</summary>
/// <param name="Reasons">Why a live update would fail; empty when it would succeed.</param>
/// <param name="Warnings">What would not be as it is here although it would succeed, for the operator.</param>
/// <param name="Prepare">How long it took until the new process was ready, the guest running, in microseconds.</param>
/// <param name="ExpectedPause">How long the guest would be stopped, in microseconds; null where the new process does not say.</param>
public sealed record PreflightVerdict(IReadOnlyList<string> Reasons, IReadOnlyList<string> Warnings, ulong Prepare, ulong? ExpectedPause)
{
    /// <summary>Whether a live update would succeed.</summary>
    public bool WouldSucceed => Reasons.Count == 0;
}

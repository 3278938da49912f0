namespace Vmm.Tests.Faults.SystemCalls;

/// <summary>What became of one struck call.</summary>
/// <param name="Injection">The call, and what was done to it.</param>
/// <param name="WasStruck">Whether the update made it at all.</param>
/// <param name="Place">Where the guest is.</param>
/// <param name="Deviations">What is not as it must be.</param>
internal sealed record CaseResult(Injection Injection, bool WasStruck, GuestPlace Place, IReadOnlyList<string> Deviations)
{
    /// <summary>For messages.</summary>
    public override string ToString() => $"{Injection}: {string.Join("; ", Deviations)}";
}

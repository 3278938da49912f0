namespace Vmm.Bench.Handover.Report;

/// <summary>What one case found.</summary>
internal sealed record CaseReport(string Name, string Describes, IReadOnlyList<Finding> Findings)
{
    /// <summary>Samples to draw.</summary>
    internal IReadOnlyList<Distribution> Distributions { get; init; } = [];

    /// <summary>Pauses to draw.</summary>
    internal IReadOnlyList<Timeline> Timelines { get; init; } = [];

    /// <summary>What else a reader must know.</summary>
    internal IReadOnlyList<string> Remarks { get; init; } = [];
}

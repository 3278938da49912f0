namespace Vmm.Bench.Handover.Report;

/// <summary>What each process does during a pause, in the order of time, one step after the other.</summary>
internal sealed record Timeline(string Title, IReadOnlyList<TimelineStep> Steps);

namespace Vmm.Bench.Handover.Report;

/// <summary>Samples of several contenders to be looked at side by side, in microseconds.</summary>
internal sealed record Distribution(string Title, IReadOnlyList<(string Contender, Sample Sample)> Rows);

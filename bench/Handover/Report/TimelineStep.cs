namespace Vmm.Bench.Handover.Report;

/// <summary>A step of a pause, with its median.</summary>
internal readonly record struct TimelineStep(string Name, double Microseconds, bool IsNew);

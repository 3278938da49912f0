namespace Vmm.Bench.Handover.Contenders;

/// <summary>What the observer saw.</summary>
/// <param name="GapMicroseconds">The longest time in which the counter was stopped.</param>
/// <param name="OwnGapMicroseconds">The observer's own longest time between two looks in that time: what it may be wrong by.</param>
/// <param name="RateBefore">Counts a second in the 200 ms before the command.</param>
/// <param name="RateAfter">Counts a second in the 100 ms after the gap.</param>
internal readonly record struct Observation(double GapMicroseconds, double OwnGapMicroseconds, double RateBefore, double RateAfter);

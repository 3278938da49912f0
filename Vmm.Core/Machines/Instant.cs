using System.Diagnostics;

namespace Vmm.Core.Machines;

/// <summary>Instants on CLOCK_MONOTONIC, which is one clock for all processes of a host.</summary>
public static class Instant
{
    /// <summary>Now, in nanoseconds.</summary>
    public static ulong Now => (ulong)(Stopwatch.GetTimestamp() * (1_000_000_000 / Stopwatch.Frequency));
}

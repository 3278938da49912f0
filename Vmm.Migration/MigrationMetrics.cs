// What monitoring counts of live updates, as instruments of System.Diagnostics.Metrics. Names, units and tags follow
// OpenTelemetry's conventions: durations are histograms in seconds, the outcome of an attempt is an attribute.
//
// Everything is recorded when an attempt is over and the guest runs again, here or there. Inside the pause there is nothing
// to count that the account does not hold already, and no time to count it in.

using System.Diagnostics.Metrics;
using Vmm.Migration.Handover;

namespace Vmm.Migration;

/// <summary>The instruments of one process's migrations. The meter's scope is its <see cref="Migrator"/>.</summary>
internal sealed class MigrationMetrics : IDisposable
{
    /// <summary>The meter's name.</summary>
    internal const string MeterName = "Vmm.Migration";

    /// <summary>Attempts to hand a guest over, by role and outcome.</summary>
    internal const string Attempts = "vmm.migration.handovers";

    /// <summary>The guest's pause, by role.</summary>
    internal const string Pause = "vmm.migration.pause.duration";

    /// <summary>The phases of completed handovers, by role and phase.</summary>
    internal const string Phase = "vmm.migration.phase.duration";

    private const string RoleTag = "vmm.migration.role";
    private const string OutcomeTag = "vmm.migration.outcome";
    private const string PhaseTag = "vmm.migration.phase";

    // A handover's pause is tenths of a millisecond, its preparation tens of milliseconds.
    private static readonly InstrumentAdvice<double> Buckets = new()
    {
        HistogramBucketBoundaries =
            [0.000_01, 0.000_03, 0.000_1, 0.000_2, 0.000_3, 0.000_5, 0.001, 0.002, 0.005, 0.01, 0.03, 0.1, 0.3, 1],
    };

    private readonly Meter _meter;
    private readonly Counter<long> _attempts;
    private readonly Histogram<double> _pause;
    private readonly Histogram<double> _phase;

    internal MigrationMetrics(object scope)
    {
        _meter = new Meter(new MeterOptions(MeterName) { Version = Greeting.ProgramVersion, Scope = scope });
        _attempts = _meter.CreateCounter<long>(Attempts, "{handover}", "Attempts to hand a guest over that are over");
        _pause = _meter.CreateHistogram(Pause, "s", "How long a handed over guest did not run", advice: Buckets);
        _phase = _meter.CreateHistogram(Phase, "s", "How long a phase of a completed handover took", advice: Buckets);
    }

    /// <summary>Records an attempt that is over.</summary>
    /// <param name="isOutgoing">Whether this was the old process.</param>
    /// <param name="outcome">How it ended.</param>
    /// <param name="times">The account of a guest that was handed over; null when it was not.</param>
    internal void Record(bool isOutgoing, MigrationStatus outcome, HandoverTimes? times)
    {
        var role = KeyValuePair.Create<string, object?>(RoleTag, isOutgoing ? "old" : "new");
        _attempts.Add(1, role, KeyValuePair.Create<string, object?>(OutcomeTag, outcome.Name()));

        // A new process that died at once took its part of the account with it.
        if (times is { Pause: > 0 })
        {
            _pause.Record(Seconds(times.Pause), role);
            foreach (var (phase, microseconds) in times.Phases)
            {
                _phase.Record(Seconds(microseconds), role, KeyValuePair.Create<string, object?>(PhaseTag, phase));
            }
        }
    }

    /// <inheritdoc/>
    public void Dispose() => _meter.Dispose();

    private static double Seconds(ulong microseconds) => microseconds / 1e6;
}

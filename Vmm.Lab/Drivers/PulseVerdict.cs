// Whether a guest ran on undisturbed, judged from what its console wrote alone: the counter has no hole and no repeat,
// no line is damaged, and the guest's clocks kept their distance to the host's.
//
// A line may arrive late (by 50 ms and more on a busy machine in the lab) but never early, so of many lines the one with
// the smallest distance between arrival and guest time is nearest to the truth. So the stretches between interruptions
// are compared, each by its smallest distance.
//
// A host may be so busy that even that line is late, and a guest silent for seconds. Where a control guest ran beside, one that
// nothing was done to, its lines show how late the host makes them: as late as they were, these may have been. What is later is
// the guest's own, as after an interrupt that was lost.

using System.Globalization;

namespace Vmm.Lab.Drivers;

/// <summary>Something that the guest should not have noticed, such as a live update, by the ticks that surround it.</summary>
/// <param name="Before">The count of the last tick seen before it began.</param>
/// <param name="After">The count of the last tick seen when it was over.</param>
/// <param name="Pause">How long the guest is known to have been stopped in it, which is no silence of its own.</param>
public readonly record struct Interruption(long Before, long After, TimeSpan Pause = default);

/// <summary>The judgement on a stretch of console output.</summary>
/// <param name="Ticks">How many pulse lines it holds.</param>
/// <param name="Faults">What is wrong, a sentence each; empty if nothing is.</param>
/// <param name="MonotonicDrift">How far apart the distances between the guest's and the host's CLOCK_MONOTONIC are.</param>
/// <param name="RealDrift">The same for CLOCK_REALTIME.</param>
/// <param name="LargestGap">The longest that the guest saw a 5 ms sleep take.</param>
public sealed record PulseVerdict(
    int Ticks, IReadOnlyList<string> Faults, TimeSpan MonotonicDrift, TimeSpan RealDrift, TimeSpan LargestGap)
{
    private const int FewestTicks = 10;

    /// <summary>How far the clock distances may be apart.</summary>
    public static readonly TimeSpan AllowedDrift = TimeSpan.FromMilliseconds(50);

    /// <summary>How long a guest may be silent that has a control guest beside it, whatever that one does.</summary>
    public static readonly TimeSpan AllowedSilence = TimeSpan.FromSeconds(5);

    /// <summary>Whether nothing is wrong.</summary>
    public bool Holds => Faults.Count == 0;

    /// <summary>
    /// Judges the lines from the first tick to the last. Between them only ticks and the answers of the guest's command reader may
    /// stand.
    /// </summary>
    /// <param name="lines">What the console said.</param>
    /// <param name="interruptions">What happened meanwhile, in order, at least ten ticks apart.</param>
    public static PulseVerdict Of(IEnumerable<ConsoleLine> lines, params IReadOnlyList<Interruption> interruptions) =>
        Of(lines, interruptions, control: null);

    /// <summary>Judges the lines beside those of a control guest.</summary>
    /// <param name="lines">What the console said.</param>
    /// <param name="interruptions">What happened meanwhile, in order, at least ten ticks apart.</param>
    /// <param name="control">What a guest said to which nothing happened, on the same host at the same time; null if there was none.</param>
    public static PulseVerdict Of(IEnumerable<ConsoleLine> lines, IReadOnlyList<Interruption> interruptions, ControlPulse? control)
    {
        var all = lines.ToList();
        var first = all.FindIndex(line => Tick.TryParse(line) is not null);
        var last = all.FindLastIndex(line => Tick.TryParse(line) is not null);
        if (last - first < 2 * FewestTicks)
        {
            return new PulseVerdict(0, ["fewer than twenty ticks: too little to judge"], default, default, default);
        }

        var faults = new List<string>();
        var ticks = new List<Tick>();
        foreach (var line in all[first..(last + 1)])
        {
            if (Tick.TryParse(line) is not { } tick)
            {
                if (!IsKnown(line.Text))
                {
                    faults.Add($"malformed line {line.Number}: \"{line.Text}\"");
                }

                continue;
            }

            if (ticks.Count > 0 && tick.Count != ticks[^1].Count + 1)
            {
                faults.Add($"the counter goes from {ticks[^1].Count} to {tick.Count}");
            }

            if (ticks.Count > 0 && (tick.Monotonic <= ticks[^1].Monotonic || tick.Real <= ticks[^1].Real))
            {
                faults.Add($"a clock went back at tick {tick.Count}");
            }

            ticks.Add(tick);
        }

        var stretches = Stretches(ticks, interruptions);
        if (stretches.Find(stretch => stretch.Count < FewestTicks) is { } tooShort)
        {
            faults.Add($"only {tooShort.Count} ticks between two interruptions: the clocks cannot be judged");
            stretches.RemoveAll(stretch => stretch.Count == 0);
        }

        if (control?.Silence(ticks, tick => AllowedSilence + PauseBefore(tick, interruptions)) is { } silence)
        {
            faults.Add(silence);
        }

        var monotonic = Drift(stretches, control, tick => tick.Arrived.Monotonic - tick.Monotonic);
        var real = Drift(stretches, control, tick => tick.Arrived.Real - tick.Real);
        Check("CLOCK_MONOTONIC", monotonic, faults);
        Check("CLOCK_REALTIME", real, faults);
        return new PulseVerdict(ticks.Count, faults, monotonic, real, Nanoseconds(ticks.Max(tick => tick.Gap)));
    }

    /// <summary>One line for a person.</summary>
    public override string ToString() => string.Create(
        CultureInfo.InvariantCulture,
        $"{Ticks} ticks, {(Holds ? "contiguous, no malformed line" : string.Join("; ", Faults))}; clock difference to the host moved by {MonotonicDrift.TotalMilliseconds:0.0} ms (monotonic) and {RealDrift.TotalMilliseconds:0.0} ms (real); largest gap {LargestGap.TotalMilliseconds:0.0} ms");

    /// <summary>What a command printed, and what the kernel prints when it was asked to power off, while the pulse still runs on another processor.</summary>
    private static bool IsKnown(string line) => line.StartsWith("out ", StringComparison.Ordinal)
        || line.StartsWith("done ", StringComparison.Ordinal)
        || (line.StartsWith('[') && line.EndsWith("] reboot: Power down", StringComparison.Ordinal));

    private static TimeSpan PauseBefore(Tick tick, IReadOnlyList<Interruption> interruptions) => interruptions
        .Where(interruption => tick.Count > interruption.Before && tick.Count <= interruption.After)
        .Aggregate(TimeSpan.Zero, (sum, interruption) => sum + interruption.Pause);

    private static void Check(string clock, TimeSpan drift, List<string> faults)
    {
        if (drift > AllowedDrift)
        {
            faults.Add(string.Create(
                CultureInfo.InvariantCulture, $"the guest's {clock} moved by {drift.TotalMilliseconds:0.0} ms against the host's"));
        }
    }

    private static List<List<Tick>> Stretches(List<Tick> ticks, IReadOnlyList<Interruption> interruptions)
    {
        if (interruptions.Count == 0)
        {
            return [ticks[..(ticks.Count / 2)], ticks[(ticks.Count / 2)..]];
        }

        var stretches = new List<List<Tick>>();
        var from = long.MinValue;
        foreach (var interruption in interruptions)
        {
            stretches.Add(ticks.FindAll(tick => tick.Count > from && tick.Count <= interruption.Before));
            from = interruption.After;
        }

        stretches.Add(ticks.FindAll(tick => tick.Count > from));
        return stretches;
    }

    private static TimeSpan Drift(List<List<Tick>> stretches, ControlPulse? control, Func<Tick, long> distance)
    {
        var nearest = stretches.Select(stretch => stretch.Min(distance)).ToList();
        var excused = stretches.Select((stretch, i) => nearest[i] - (control?.Lateness(stretch, distance) ?? 0));
        return Nanoseconds(Math.Max(0, excused.Max() - nearest.Min()));
    }

    private static TimeSpan Nanoseconds(long count) => TimeSpan.FromTicks(count / TimeSpan.NanosecondsPerTick);
}

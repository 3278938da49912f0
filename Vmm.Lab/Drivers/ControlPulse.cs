using System.Globalization;

namespace Vmm.Lab.Drivers;

/// <summary>The pulse of a guest that was left alone: how late its host makes whatever runs on it.</summary>
/// <param name="ticks">Its ticks, in order.</param>
public sealed class ControlPulse(IReadOnlyList<Tick> ticks)
{
    /// <summary>How much later than the control guest another one may be: it may have more vCPUs to wait for.</summary>
    private const int AsLong = 2;

    /// <summary>The ticks of a console.</summary>
    public static ControlPulse Of(ConsoleReader console)
    {
        ArgumentNullException.ThrowIfNull(console);
        return new ControlPulse(console.Ticks);
    }

    /// <summary>The control guest's longest silence between two instants of the host's CLOCK_MONOTONIC, in nanoseconds.</summary>
    public TimeSpan LongestSilence(long begin, long end)
    {
        long longest = 0;
        long last = begin;
        foreach (long arrived in ticks.Select(tick => tick.Arrived.Monotonic).Where(arrived => arrived > begin && arrived < end).Append(end))
        {
            longest = Math.Max(longest, arrived - last);
            last = arrived;
        }

        return Nanoseconds(longest);
    }

    /// <summary>How late the soonest of others' lines may be, for so late were the control guest's meanwhile, against the soonest of all.</summary>
    /// <param name="others">The others, in order.</param>
    /// <param name="distance">From the instant that a tick shows to its arrival; nanoseconds.</param>
    internal long Lateness(IReadOnlyList<Tick> others, Func<Tick, long> distance)
    {
        var meanwhile = ticks.Where(
            tick => tick.Arrived.Monotonic >= others[0].Arrived.Monotonic && tick.Arrived.Monotonic <= others[^1].Arrived.Monotonic).ToList();

        // One that said nothing all the while may have been as late as that lasted.
        return meanwhile.Count == 0
            ? others[^1].Arrived.Monotonic - others[0].Arrived.Monotonic
            : AsLong * (meanwhile.Min(distance) - ticks.Min(distance));
    }

    /// <summary>The first silence of another guest that its host does not account for, in a sentence; null if there is none.</summary>
    /// <param name="others">The other guest's ticks, in order.</param>
    /// <param name="allowance">How long a silence before a tick needs no account.</param>
    internal string? Silence(IReadOnlyList<Tick> others, Func<Tick, TimeSpan> allowance)
    {
        for (int i = 1; i < others.Count; i++)
        {
            (long begin, long end) = (others[i - 1].Arrived.Monotonic, others[i].Arrived.Monotonic);
            var (silent, allowed) = (Nanoseconds(end - begin), allowance(others[i]));
            if (silent > allowed && LongestSilence(begin, end) is var own && silent > allowed + (AsLong * own))
            {
                return string.Create(
                    CultureInfo.InvariantCulture,
                    $"silent for {silent.TotalSeconds:0.0} s before tick {others[i].Count}, the control guest for at most {own.TotalSeconds:0.0} s of them");
            }
        }

        return null;
    }

    private static TimeSpan Nanoseconds(long count) => TimeSpan.FromTicks(count / TimeSpan.NanosecondsPerTick);
}

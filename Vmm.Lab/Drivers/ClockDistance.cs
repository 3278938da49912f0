// How far a guest's clocks are ahead of its host's, as lab/clocks.c reports: bounds, not a guess, because the two are never read at
// one instant.

using System.Globalization;
using System.Text.RegularExpressions;

namespace Vmm.Lab.Drivers;

/// <summary>Bounds that a number is certainly within.</summary>
/// <param name="Low">At least.</param>
/// <param name="High">At most.</param>
public readonly record struct Bounds(double Low, double High)
{
    /// <summary>How little is known.</summary>
    public double Width => High - Low;

    /// <summary>How far the number may have moved from where it was, at most.</summary>
    public double FarthestFrom(Bounds before) => Math.Max(Math.Abs(High - before.Low), Math.Abs(Low - before.High));
}

/// <summary>A guest's clocks beside its host's.</summary>
/// <param name="Monotonic">How far CLOCK_MONOTONIC_RAW is ahead, in nanoseconds.</param>
/// <param name="Tsc">How far the time stamp counter is ahead, in ticks.</param>
/// <param name="TscHertz">About how many ticks a second has: measured anew each time, so distances are compared in ticks.</param>
/// <param name="StepsBack">How often the guest saw one of the two go back since it began to show them.</param>
public sealed partial record ClockDistance(Bounds Monotonic, Bounds Tsc, double TscHertz, long StepsBack)
{
    /// <summary>Reads the line that the clock reader prints.</summary>
    /// <exception cref="FormatException">It is no such line.</exception>
    public static ClockDistance Parse(string line)
    {
        var match = Line().Match(line);
        if (!match.Success)
        {
            throw new FormatException($"the clock reader says '{line}', expected 'mono LOW HIGH tsc LOW HIGH hz HZ back N'");
        }

        double[] numbers = [.. match.Groups.Values.Skip(1).Select(group => double.Parse(group.Value, CultureInfo.InvariantCulture))];
        return new(new(numbers[0], numbers[1]), new(numbers[2], numbers[3]), numbers[4], (long)numbers[5]);
    }

    [GeneratedRegex(@"^mono (-?\d+) (-?\d+) tsc (-?\d+) (-?\d+) hz (\d+) back (\d+)$")]
    private static partial Regex Line();
}

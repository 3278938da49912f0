using System.Globalization;
using System.Text.RegularExpressions;
using Vmm.Lab.Hosts;

namespace Vmm.Lab.Drivers;

/// <summary>A line of the guest's pulse (see lab/tick.c); times in nanoseconds.</summary>
/// <param name="Count">Its number, from 0, without a hole.</param>
/// <param name="Monotonic">The guest's CLOCK_MONOTONIC.</param>
/// <param name="Real">The guest's CLOCK_REALTIME.</param>
/// <param name="Gap">The longest time that one round of a 1 ms sleep took since the line before.</param>
/// <param name="Arrived">When the line arrived, on the host's clocks.</param>
public sealed partial record Tick(long Count, long Monotonic, long Real, long Gap, HostTime Arrived)
{
    /// <summary>The line as a tick, or null if it is anything else.</summary>
    public static Tick? TryParse(ConsoleLine line)
    {
        var match = Form().Match(line.Text);
        return match.Success ? new Tick(Number(match, 1), Number(match, 2), Number(match, 3), Number(match, 4), line.Arrived) : null;
    }

    private static long Number(Match match, int group) => long.Parse(match.Groups[group].ValueSpan, CultureInfo.InvariantCulture);

    [GeneratedRegex(@"\Atick (\d{1,18}) mono=(\d{1,18}) real=(\d{1,19}) gap=(\d{1,18})\z")]
    private static partial Regex Form();
}

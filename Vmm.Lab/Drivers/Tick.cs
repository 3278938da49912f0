using System.Globalization;
using System.Text;
using System.Text.RegularExpressions;
using Vmm.Lab.Hosts;

namespace Vmm.Lab.Drivers;

/// <summary>A line of the guest's pulse (see lab/tick.c); times in nanoseconds, whose beginning is the pulse's.</summary>
/// <param name="Count">Its number, from 0, without a hole.</param>
/// <param name="Monotonic">The guest's CLOCK_MONOTONIC.</param>
/// <param name="Real">The guest's CLOCK_REALTIME.</param>
/// <param name="Gap">The longest time that one round of a 5 ms sleep took since the line before.</param>
/// <param name="Arrived">When the line arrived, on the host's clocks.</param>
public sealed partial record Tick(long Count, long Monotonic, long Real, long Gap, HostTime Arrived)
{
    /// <summary>From one tick to the next, on a host that is not busy.</summary>
    public static readonly TimeSpan Period = TimeSpan.FromMilliseconds(100);

    private const long NanosecondsPerMicrosecond = 1000;

    /// <summary>The line as a tick, or null if it is anything else.</summary>
    public static Tick? TryParse(ConsoleLine line)
    {
        var match = Form().Match(line.Text);
        if (!match.Success)
        {
            return null;
        }

        long monotonic = Number(match, 2) * NanosecondsPerMicrosecond;
        long step = Number(match, 3) * NanosecondsPerMicrosecond;
        return new Tick(Number(match, 1), monotonic, monotonic + step, Number(match, 4) * NanosecondsPerMicrosecond, line.Arrived);
    }

    /// <summary>The ticks in what a console said, in order; when they arrived is not known.</summary>
    public static IReadOnlyList<Tick> AllIn(ReadOnlySpan<byte> said) =>
    [
        .. Encoding.Latin1.GetString(said).Split('\n', StringSplitOptions.TrimEntries)
            .Select((line, number) => TryParse(new ConsoleLine(number, line, default))).OfType<Tick>(),
    ];

    private static long Number(Match match, int group) => long.Parse(match.Groups[group].ValueSpan, CultureInfo.InvariantCulture);

    [GeneratedRegex(@"\Atick (\d{1,15}) (\d{1,15}) (-?\d{1,15}) (\d{1,15})\z")]
    private static partial Regex Form();
}

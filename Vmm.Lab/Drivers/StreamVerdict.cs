using System.Globalization;
using System.Text.RegularExpressions;

namespace Vmm.Lab.Drivers;

/// <summary>The judgement on the stream that a client of the guest has downloaded over one connection (see lab/fetch.c).</summary>
/// <param name="Blocks">How many blocks of 1 KiB came, each as it must be.</param>
/// <param name="LongestGap">The longest time without a byte.</param>
/// <param name="Fault">What is wrong; null if nothing is.</param>
public sealed partial record StreamVerdict(long Blocks, TimeSpan LongestGap, string? Fault)
{
    /// <summary>Whether nothing is wrong.</summary>
    public bool Holds => Fault is null;

    /// <summary>Reads the client's last line.</summary>
    public static StreamVerdict Of(string line) => End().Match(line) is { Success: true } end
        ? new StreamVerdict(
            long.Parse(end.Groups[1].ValueSpan, CultureInfo.InvariantCulture),
            TimeSpan.FromMilliseconds(long.Parse(end.Groups[2].ValueSpan, CultureInfo.InvariantCulture)),
            end.Groups[1].ValueSpan is "0" ? "no block of the stream came" : null)
        : new StreamVerdict(0, TimeSpan.Zero, $"the stream: {line}");

    /// <inheritdoc/>
    public override string ToString() => Fault ?? string.Create(
        CultureInfo.InvariantCulture, $"{Blocks} KiB downloaded over one connection, every block right (longest gap {LongestGap.TotalMilliseconds:0} ms)");

    [GeneratedRegex("^end blocks ([0-9]+) gap ([0-9]+)$")]
    private static partial Regex End();
}

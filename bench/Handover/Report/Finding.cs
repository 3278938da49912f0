using System.Globalization;

namespace Vmm.Bench.Handover.Report;

/// <summary>A figure, and the most (or the least) that it is promised to be, if anything is.</summary>
/// <param name="What">What was measured.</param>
/// <param name="Figure">How much it is.</param>
/// <param name="Unit">Of what.</param>
internal sealed record Finding(string What, double Figure, string Unit)
{
    /// <summary>At most this much is promised.</summary>
    internal double? AtMost { get; init; }

    /// <summary>Further figures that explain it.</summary>
    internal string Note { get; init; } = "";

    /// <summary>Whether it keeps its promise; null where nothing is promised.</summary>
    internal bool? IsMet => AtMost is { } most ? Figure <= most : null;

    /// <summary>The figure with its unit.</summary>
    internal string FigureText => Text(Figure);

    /// <summary>The promise with its unit.</summary>
    internal string TargetText => AtMost is { } most ? $"≤ {Text(most)}" : "";

    /// <summary>Met or missed, and by how much.</summary>
    internal string Verdict => AtMost is not { } most ? ""
        : Figure <= most ? "met"
        : most > 0 ? string.Create(CultureInfo.InvariantCulture, $"missed by {(Figure - most) / most:p0}")
        : "missed";

    private string Text(double number) => string.Create(CultureInfo.InvariantCulture, $"{Rounded(number)} {Unit}").TrimEnd();

    private static string Rounded(double number) =>
        number.ToString(Math.Abs(number) >= 100 || number == Math.Floor(number) ? "n0" : "n2", CultureInfo.InvariantCulture);
}

// Figures of vmm beside those of QEMU, from the same run. Each is the median of the rounds. Fewer exits follow from a slower device too, which finds more
// work each time. So where a load is judged by its rate also, a figure above QEMU's is no miss as long as the rate is no lower.

using System.Globalization;

namespace Vmm.Lab.Comparisons;

/// <summary>A table of figures with verdicts.</summary>
/// <typeparam name="T">What one round came to.</typeparam>
/// <param name="ours">vmm's, one a round.</param>
/// <param name="theirs">QEMU's.</param>
internal sealed class ComparisonTable<T>(IReadOnlyList<T> ours, IReadOnlyList<T> theirs)
{
    private string? _excuse;

    /// <summary>Whether all targets were met so far.</summary>
    internal bool IsMet { get; private set; } = true;

    /// <summary>Prints the head.</summary>
    internal static void PrintTitle(string title)
    {
        Console.WriteLine();
        Console.WriteLine($"{title,-60}{"vmm",10}{"QEMU",10}{"ratio",8}");
    }

    /// <summary>Prints a rate; if vmm's is no lower, counts that follow may be more than QEMU's.</summary>
    /// <param name="what">Of what.</param>
    /// <param name="of">The figure of a round.</param>
    /// <param name="noLess">What to say of a count that is more.</param>
    internal void PrintRate(string what, Func<T, double> of, string noLess)
    {
        Print(what, of);
        _excuse = Median(ours, of) >= Median(theirs, of) ? noLess : null;
    }

    /// <summary>Prints a figure.</summary>
    /// <param name="what">Of what.</param>
    /// <param name="of">The figure of a round.</param>
    /// <param name="most">The most that it may be of QEMU's; null for no target.</param>
    /// <param name="mayBeExcused">Whether it may be more with a rate that is no lower.</param>
    internal void Print(string what, Func<T, double> of, double? most = null, bool mayBeExcused = false)
    {
        double mine = Median(ours, of);
        double other = Median(theirs, of);
        string verdict = "";
        if (most is { } limit)
        {
            bool isWithin = mine <= limit * other;
            bool isExcused = mayBeExcused && _excuse is not null;
            verdict = isWithin ? string.Create(CultureInfo.InvariantCulture, $"met: at most {limit}")
                : isExcused ? $"met: more, and {_excuse}"
                : string.Create(CultureInfo.InvariantCulture, $"missed: at most {limit}");
            IsMet &= isWithin || isExcused;
        }

        Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"  {what,-58}{mine,10:0.###}{other,10:0.###}{mine / other,8:0.00}  {verdict}").TrimEnd());
    }

    private static double Median(IReadOnlyList<T> figures, Func<T, double> of) => figures.Select(of).Order().ElementAt(figures.Count / 2);
}

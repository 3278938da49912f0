// Figures are compared within rounds: every contender hops once in each, so that a change of the host's load meets all of them.
// A round whose floor is more than twice the floor's median was disturbed; it is left out, and counted. So is one in which a figure
// could not be seen (not a number).

using Vmm.Bench.Handover.Report;

namespace Vmm.Bench.Handover.Cases;

/// <summary>Rounds of measurements; the first column is the floor.</summary>
internal sealed class Rounds
{
    private readonly List<double[]> _rounds = [];

    /// <summary>Rounds that count.</summary>
    internal int Count => Undisturbed().Count;

    /// <summary>Rounds that were left out.</summary>
    internal int Disturbed => _rounds.Count - Count;

    /// <summary>Adds a round.</summary>
    internal void Add(params double[] figures) => _rounds.Add(figures);

    /// <summary>One contender's figures in the rounds that count.</summary>
    internal Sample this[int contender] => new(Undisturbed().Select(r => r[contender]));

    /// <summary>The median of a contender's ratio to another in the same round.</summary>
    internal double MedianRatio(int contender, int other) => new Sample(Undisturbed().Select(r => r[contender] / r[other])).Median;

    private List<double[]> Undisturbed()
    {
        double limit = 2 * new Sample(_rounds.Select(r => r[0])).Median;
        return _rounds.FindAll(r => r[0] <= limit && !r.Any(double.IsNaN));
    }
}

namespace Vmm.Bench.Handover.Report;

/// <summary>Many measurements of one thing.</summary>
internal sealed class Sample(IEnumerable<double> values)
{
    private readonly double[] _sorted = [.. values.Order()];

    /// <summary>The measurements, smallest first.</summary>
    internal IReadOnlyList<double> Values => _sorted;

    /// <summary>How many there are.</summary>
    internal int Count => _sorted.Length;

    /// <summary>As many are below as above.</summary>
    internal double Median => At(0.5);

    /// <summary>One in twenty is above.</summary>
    internal double Percentile95 => At(0.95);

    /// <summary>The largest.</summary>
    internal double Most => _sorted[^1];

    private double At(double part) => _sorted.Length > 0
        ? _sorted[Math.Min(_sorted.Length - 1, (int)(part * _sorted.Length))]
        : throw new InvalidOperationException("nothing was measured");
}

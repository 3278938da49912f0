using System.Globalization;

namespace Vmm.Lab.Requests;

/// <summary>Figures of vmm beside those of QEMU, from the same run.</summary>
/// <param name="ours">vmm's, one a round.</param>
/// <param name="theirs">QEMU's.</param>
internal sealed class RequestTable(IReadOnlyList<RequestFigures> ours, IReadOnlyList<RequestFigures> theirs)
{
    private const double Microsecond = 1000;

    private bool _isMet = true;

    private bool IsNoSlower => Median(ours, f => f.Rate) >= Median(theirs, f => f.Rate);

    /// <summary>Prints them.</summary>
    /// <param name="title">Of what.</param>
    /// <param name="mostRatio">The most that a count may be of QEMU's.</param>
    /// <param name="mayBeFaster">Whether a count may be more where no fewer requests were served in a second.</param>
    /// <param name="judgesTime">Whether the processor time has a target: at most QEMU's.</param>
    /// <returns>Whether all targets were met.</returns>
    internal bool Print(string title, double mostRatio, bool mayBeFaster, bool judgesTime)
    {
        Console.WriteLine();
        Console.WriteLine($"{title,-60}{"vmm",10}{"QEMU",10}{"ratio",8}");
        double? most = judgesTime ? 1 : null;
        Row("requests a second", f => f.Rate, null, false);
        Row("exits a request", f => f.Costs.Exits, mostRatio, mayBeFaster);
        Row("MMIO exits a request", f => f.Costs.MmioExits, mostRatio, mayBeFaster);
        Row("interrupts a request", f => f.Costs.Interrupts, mostRatio, mayBeFaster);
        Row("  of the disk", f => f.DeviceInterrupts, null, false);
        Row("halts a request", f => f.Costs.HaltExits, null, false);
        Row("processor time a request, us", f => f.Costs.Nanoseconds / Microsecond, most, false);
        Row("  of threads other than the vCPU's", f => (f.Costs.Nanoseconds - f.Costs.VcpuNanoseconds) / Microsecond, null, false);
        Row("  of the vCPU's outside of the guest (sampled)", f => (f.Costs.VcpuNanoseconds - f.Costs.GuestNanoseconds) / Microsecond, null, false);
        Row("time of a request, median, us", f => f.MedianNanoseconds / Microsecond, null, false);
        Row("time of a request, 99th percentile, us", f => f.Percentile99Nanoseconds / Microsecond, null, false);
        return _isMet;
    }

    private static double Median(IReadOnlyList<RequestFigures> figures, Func<RequestFigures, double> of) => figures.Select(of).Order().ElementAt(figures.Count / 2);

    private void Row(string what, Func<RequestFigures, double> of, double? most, bool mayBeFaster)
    {
        double mine = Median(ours, of);
        double other = Median(theirs, of);
        string verdict = "";
        if (most is { } limit)
        {
            bool isWithin = mine <= limit * other;
            verdict = isWithin ? $"met: at most {limit}"
                : mayBeFaster && IsNoSlower ? "met: more, and no fewer requests a second"
                : $"missed: at most {limit}";
            _isMet &= isWithin || (mayBeFaster && IsNoSlower);
        }

        Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"  {what,-58}{mine,10:0.###}{other,10:0.###}{mine / other,8:0.00}  {verdict}").TrimEnd());
    }
}

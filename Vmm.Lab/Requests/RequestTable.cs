using Vmm.Lab.Comparisons;

namespace Vmm.Lab.Requests;

/// <summary>What requests cost on vmm and on QEMU.</summary>
internal static class RequestTable
{
    private const double Microsecond = 1000;

    /// <summary>Prints it.</summary>
    /// <param name="title">Of what.</param>
    /// <param name="ours">vmm's figures, one a round.</param>
    /// <param name="theirs">QEMU's.</param>
    /// <param name="mostRatio">The most that a count may be of QEMU's.</param>
    /// <param name="mayBeFaster">Whether a count may be more where no fewer requests were served in a second.</param>
    /// <param name="judgesTime">Whether the processor time has a target: at most QEMU's.</param>
    /// <returns>Whether all targets were met.</returns>
    internal static bool Print(
        string title, IReadOnlyList<RequestFigures> ours, IReadOnlyList<RequestFigures> theirs, double mostRatio, bool mayBeFaster, bool judgesTime)
    {
        ComparisonTable<RequestFigures>.PrintTitle(title);
        var table = new ComparisonTable<RequestFigures>(ours, theirs);
        table.PrintRate("requests a second", f => f.Rate, "no fewer requests a second");
        table.Print("exits a request", f => f.Costs.Exits, mostRatio, mayBeFaster);
        table.Print("MMIO exits a request", f => f.Costs.MmioExits, mostRatio, mayBeFaster);
        table.Print("interrupts a request", f => f.Costs.Interrupts, mostRatio, mayBeFaster);
        table.Print("  of the disk", f => f.DeviceInterrupts);
        table.Print("halts a request", f => f.Costs.HaltExits);
        table.Print("processor time a request, us", f => f.Costs.Nanoseconds / Microsecond, judgesTime ? 1 : null);
        table.Print("  of threads other than the vCPU's", f => (f.Costs.Nanoseconds - f.Costs.VcpuNanoseconds) / Microsecond);
        table.Print("  of the vCPU's outside of the guest (sampled)", f => (f.Costs.VcpuNanoseconds - f.Costs.GuestNanoseconds) / Microsecond);
        table.Print("time of a request, median, us", f => f.MedianNanoseconds / Microsecond);
        table.Print("time of a request, 99th percentile, us", f => f.Percentile99Nanoseconds / Microsecond);
        return table.IsMet;
    }
}

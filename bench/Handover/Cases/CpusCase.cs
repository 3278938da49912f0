// What further vCPUs cost: vCPUs that are not started, and vCPUs that all count. Beyond the host's processors the latter measure
// the host's scheduler, for the floor too.

using Vmm.Bench.Handover.Contenders;
using Vmm.Bench.Handover.Report;

namespace Vmm.Bench.Handover.Cases;

/// <summary>Numbers of vCPUs.</summary>
internal static class CpusCase
{
    private const double MostForOneMore = 150;
    private static readonly int[] Counts = [1, 2, 4, 8];

    internal static CaseReport Run(Setting setting)
    {
        var findings = new List<Finding>();
        var distributions = new List<Distribution>();
        foreach (bool isBusy in new[] { false, true })
        {
            string kind = isBusy ? "all counting" : "one counting";
            var rounds = Measure(setting, isBusy);
            double single = rounds[0][1].Median;
            for (int i = 0; i < Counts.Length; i++)
            {
                findings.Add(new($"{kind}, {Counts[i]} vCPUs: pause, median", rounds[i][1].Median, "µs")
                {
                    Note = $"95th percentile {Svg.Time(rounds[i][1].Percentile95)}; floor {Svg.Time(rounds[i][0].Median)}; "
                        + $"over the floor {rounds[i].MedianRatio(1, 0):f2} ×; {rounds[i].Disturbed} of {setting.FewHops} rounds left out",
                });
            }

            for (int i = 1; i < Counts.Length; i++)
            {
                findings.Add(new($"{kind}, {Counts[i]} vCPUs: for each further vCPU", (rounds[i][1].Median - single) / (Counts[i] - 1), "µs")
                {
                    AtMost = isBusy && Counts[i] > Environment.ProcessorCount ? null : MostForOneMore,
                    Note = $"floor {(rounds[i][0].Median - rounds[0][0].Median) / (Counts[i] - 1):f0} µs",
                });
            }

            distributions.Add(new($"The pause by vCPUs, {kind}", [.. Counts.Select((count, i) => ($"{count} vCPUs", rounds[i][1]))]));
        }

        return new CaseReport("cpus", $"1 to 8 vCPUs, {setting.FewHops} rounds each, on {Environment.ProcessorCount} processors", findings)
        {
            Distributions = distributions,
            Remarks = ["With more counting vCPUs than processors nothing is promised: they wait for one another's turn."],
        };
    }

    private static Rounds[] Measure(Setting setting, bool isBusy)
    {
        var rounds = Counts.Select(_ => new Rounds()).ToArray();

        // Guests of one kind and size at a time: vCPUs that count would take the processors from the others.
        for (int i = 0; i < Counts.Length; i++)
        {
            int count = Counts[i];
            using var ours = new VmmGuest(setting.Scratch, $"cpus{count}", Setting.SmallRam, isBusy ? "smp" : "counter", "-smp", $"{count}");
            using var floor = new Floor(setting.Scratch, setting.Floor, count, Setting.SmallRam, isBusy);
            for (int round = 0; round < setting.FewHops; round++)
            {
                ours.Prepare();
                var hop = ours.Switch();
                ours.Rest();
                floor.MessageBytes = hop.Bytes;
                floor.Prepare();
                rounds[i].Add(floor.Switch().PauseMicroseconds, hop.PauseMicroseconds);
                floor.Rest();
            }
        }

        return rounds;
    }
}

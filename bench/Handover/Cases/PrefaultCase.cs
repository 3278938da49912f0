// A guest in a new process has to get its memory mapped anew. A guest that walks through 128 MiB shows what it costs, and what mapping
// ahead saves: its rate in the first 100 ms after a hop against its rate before. The observer that measures the rate holds a processor,
// which the thread that maps then wants: how long that takes is measured by hops that are not observed.

using Vmm.Bench.Handover.Contenders;
using Vmm.Bench.Handover.Report;

namespace Vmm.Bench.Handover.Cases;

/// <summary>The guest's speed after a hop.</summary>
internal static class PrefaultCase
{
    /// <summary>The program's own choice, milliseconds.</summary>
    internal const int DefaultBudget = 50;

    /// <summary>What "keeps its budget" allows for: a part of the work may end a little later.</summary>
    internal const double Allowance = 1.1;

    private const ulong OncePastEveryPage = 40_000;

    internal static CaseReport Run(Setting setting)
    {
        using var guest = new VmmGuest(setting.Scratch, "walk", Setting.SmallRam, "walk");
        guest.Prepare();
        guest.Switch();
        RamFile.WaitPast(guest.RamPath, RamFile.Counter, OncePastEveryPage);
        var observer = new Observer(setting.Scratch, setting.Observer);
        var (unobserved, observed) = (new List<double>(), new List<double>());
        var (with, without) = (new List<double>(), new List<double>());
        long allocated = 0;
        for (int round = 0; round < setting.FewHops; round++)
        {
            unobserved.Add(Update(DefaultBudget, hop => hop()).PrefaultMicroseconds / 1000);
            observed.Add(Update(DefaultBudget, hop => with.Add(Rate(hop))).PrefaultMicroseconds / 1000);
            Update(0, hop => without.Add(Rate(hop)));
        }

        return new CaseReport(
            "prefault",
            $"a guest that walks through 128 MiB, {setting.FewHops} hops with and {setting.FewHops} without mapping RAM ahead, and as many with it unobserved",
        [
            new("rate in the first 100 ms over the rate before, with, median", new Sample(with).Median, "×") { Note = Range(with) },
            new("rate in the first 100 ms over the rate before, without, median", new Sample(without).Median, "×") { Note = Range(without) },
            new("time spent on mapping ahead, 95th percentile", new Sample(unobserved).Percentile95, "ms")
            {
                AtMost = DefaultBudget * Allowance,
                Note = $"median {new Sample(unobserved).Median:f1} ms; its budget is {DefaultBudget} ms",
            },
            new("the same while the observer holds a processor", new Sample(observed).Percentile95, "ms") { Note = $"median {new Sample(observed).Median:f1} ms" },
            new("blocks of the RAM file that hops changed", allocated, "blocks") { AtMost = 0 },
        ]);

        // The observer watches around the hop.
        Hop Update(int budget, Action<Action> watching)
        {
            guest.PrefaultBudget = budget;
            long before = RamFile.Blocks(setting.Scratch, guest.RamPath);
            guest.Prepare();
            Hop? hop = null;
            watching(() => hop = guest.Switch());
            allocated += Math.Abs(RamFile.Blocks(setting.Scratch, guest.RamPath) - before);
            return hop!;
        }

        double Rate(Action hop)
        {
            var seen = observer.Watch(guest.RamPath, hop);
            return seen.RateAfter / seen.RateBefore;
        }
    }

    private static string Range(List<double> rates) => $"{rates.Min():f2} to {rates.Max():f2}";
}

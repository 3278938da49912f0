// A guest in a new process has to get its memory mapped anew. A guest that walks through 128 MiB shows what it costs, and what mapping
// ahead saves: its rate in the first 100 ms after a hop against its rate before.

using Vmm.Bench.Handover.Contenders;
using Vmm.Bench.Handover.Report;

namespace Vmm.Bench.Handover.Cases;

/// <summary>The guest's speed after a hop.</summary>
internal static class PrefaultCase
{
    private const int DefaultBudget = 50;
    private const ulong OncePastEveryPage = 40_000;

    internal static CaseReport Run(Setting setting)
    {
        using var guest = new VmmGuest(setting.Scratch, "walk", Setting.SmallRam, "walk");
        guest.Prepare();
        guest.Switch();
        RamFile.WaitPast(guest.RamPath, RamFile.Counter, OncePastEveryPage);
        var observer = new Observer(setting.Scratch, setting.Observer);
        var (with, without, took, budgets) = (new List<double>(), new List<double>(), new List<double>(), new[] { DefaultBudget, 0 });
        long allocated = 0;
        for (int round = 0; round < setting.FewHops; round++)
        {
            foreach (int budget in budgets)
            {
                guest.PrefaultBudget = budget;
                string ram = guest.RamPath;
                long before = RamFile.Blocks(setting.Scratch, ram);
                guest.Prepare();
                Hop? hop = null;
                var seen = observer.Watch(ram, () => hop = guest.Switch());
                allocated += Math.Abs(RamFile.Blocks(setting.Scratch, guest.RamPath) - before);
                (budget > 0 ? with : without).Add(seen.RateAfter / seen.RateBefore);
                if (budget > 0)
                {
                    took.Add(hop!.PrefaultMicroseconds / 1000);
                }
            }
        }

        return new CaseReport("prefault", $"a guest that walks through 128 MiB, {setting.FewHops} hops with and without mapping RAM ahead",
        [
            new("rate in the first 100 ms over the rate before, with, median", new Sample(with).Median, "×"),
            new("rate in the first 100 ms over the rate before, without, median", new Sample(without).Median, "×"),
            new("time spent on mapping ahead, 95th percentile", new Sample(took).Percentile95, "ms")
            {
                AtMost = DefaultBudget * 1.1,
                Note = $"median {new Sample(took).Median:f1} ms; its budget is {DefaultBudget} ms, and a step of it may end a little later",
            },
            new("blocks of the RAM file that hops changed", allocated, "blocks") { AtMost = 0 },
        ]);
    }
}

// The pause must not know how big the guest is: 16 GiB, untouched and fully touched, against 512 MiB. And whatever is mapped ahead,
// no memory is allocated: the RAM file occupies as many blocks after a hop as before.

using System.Globalization;
using Vmm.Bench.Handover.Contenders;
using Vmm.Bench.Handover.Report;

namespace Vmm.Bench.Handover.Cases;

/// <summary>RAM sizes.</summary>
internal static class RamCase
{
    private const int Big = 16 * 1024;
    private const int Spare = 3 * 1024;
    private const int FullyTouched = 2;

    internal static CaseReport Run(Setting setting)
    {
        var (hops, allocated) = (new List<Hop>[3], new long[3]);
        var pauses = new Rounds();
        bool isTouched = AvailableMebibytes() >= Big + Spare;
        int kinds = isTouched ? 3 : 2;
        using var small = new VmmGuest(setting.Scratch, "small", Setting.SmallRam, "counter");
        using var untouched = new VmmGuest(setting.Scratch, "untouched", Big, "counter");
        using var touched = new VmmGuest(setting.Scratch, "touched", isTouched ? Big : Setting.SmallRam, "counter");
        if (isTouched)
        {
            // Written, not only allocated: what was never written is a hole to a search for data. The guest itself is in the first part.
            setting.Scratch.Output(
                "dd", "if=/dev/zero", $"of={touched.RamPath}", "bs=1M", $"seek={Setting.SmallRam}", $"count={Big - Setting.SmallRam}", "conv=notrunc", "status=none");
        }

        VmmGuest[] guests = [small, untouched, touched];
        for (int round = 0; round < setting.FewHops; round++)
        {
            for (int i = 0; i < kinds; i++)
            {
                long before = RamFile.Blocks(setting.Scratch, guests[i].RamPath);
                guests[i].Prepare();
                (hops[i] ??= []).Add(guests[i].Switch());
                guests[i].Rest();
                allocated[i] += Math.Abs(RamFile.Blocks(setting.Scratch, guests[i].RamPath) - before);
            }

            pauses.Add([.. hops.Take(kinds).Select(h => h[^1].PauseMicroseconds)]);
        }

        string[] names = ["512 MiB", "16 GiB untouched", "16 GiB fully touched"];
        var findings = new List<Finding>();
        for (int i = 0; i < kinds; i++)
        {
            findings.AddRange(Findings(names[i], i, hops[i], allocated[i], pauses));
        }

        return new CaseReport("ram", $"the same guest with 512 MiB and 16 GiB in turn, {setting.FewHops} rounds", findings)
        {
            Distributions = [new("The pause by RAM", [.. Enumerable.Range(0, kinds).Select(i => (names[i], pauses[i]))])],
            Remarks =
            [
                $"{pauses.Disturbed} rounds were left out, because the pause at 512 MiB was more than twice its median.",
                .. isTouched ? [] : (string[])[$"NOT MEASURED: 16 GiB fully touched need {Big + Spare} MiB of free memory, this host has {AvailableMebibytes()}."],
            ],
        };
    }

    private static IEnumerable<Finding> Findings(string name, int kind, List<Hop> hops, long allocated, Rounds pauses)
    {
        var command = new Sample(hops.Select(h => h.CommandMilliseconds));
        var prefault = new Sample(hops.Select(h => h.PrefaultMicroseconds));
        yield return new($"{name}: pause, median", pauses[kind].Median, "µs") { Note = $"95th percentile {Svg.Time(pauses[kind].Percentile95)}" };
        if (kind > 0)
        {
            yield return new($"{name}: over 512 MiB, median of the rounds' ratios", pauses.MedianRatio(kind, 0), "×") { AtMost = 1.2 };
        }

        yield return new($"{name}: command to completed, median", command.Median, "ms") { Note = $"of which mapping RAM ahead {Svg.Time(prefault.Median)}" };
        if (kind == FullyTouched)
        {
            yield return new($"{name}: mapping RAM ahead, 95th percentile", prefault.Percentile95 / 1000, "ms") { AtMost = PrefaultCase.DefaultBudget * PrefaultCase.Allowance };
        }

        yield return new($"{name}: blocks of the RAM file that hops changed", allocated, "blocks") { AtMost = 0 };
    }

    private static long AvailableMebibytes()
    {
        string line = File.ReadLines("/proc/meminfo").First(l => l.StartsWith("MemAvailable:", StringComparison.Ordinal));
        return long.Parse(line["MemAvailable:".Length..^"kB".Length].Trim(), CultureInfo.InvariantCulture) / 1024;
    }
}

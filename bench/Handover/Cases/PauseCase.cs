// The pause of a tiny guest with one vCPU and 512 MiB: the floor, ours and QEMU's, from inside and, in hops of their own, from
// outside.

using Vmm.Bench.Handover.Contenders;
using Vmm.Bench.Handover.Report;

namespace Vmm.Bench.Handover.Cases;

/// <summary>The main case.</summary>
internal static class PauseCase
{
    internal static CaseReport Run(Setting setting)
    {
        var scratch = setting.Scratch;
        using var floor = new Floor(scratch, setting.Floor, cpus: 1, Setting.SmallRam, isBusy: false);
        using var ours = new VmmGuest(scratch, "pause", Setting.SmallRam, "counter");
        using var qemu = new QemuGuest(scratch, setting.Qemu, "qemu", Setting.SmallRam, "counter");
        var (inside, outside, hops, blind) = Contest.Run(setting, setting.Hops, floor, ours, qemu);
        return new CaseReport("pause", $"a guest that counts in RAM, 1 vCPU, {Setting.SmallRam} MiB; the floor, ours and QEMU's in turn, {setting.Hops} rounds", Findings(inside, outside, hops))
        {
            Distributions =
            [
                Side("The pause as the processes account for it, from the decision to stop to the first entry in the new process", inside),
                Side("The time in which the guest's counter was stopped, seen from outside", outside),
            ],
            Timelines =
            [
                new("floor", [.. Steps(hops[0], "set", "enter")]),
                new("ours", [.. Steps(hops[1], "load", "take", "resume")]),
            ],
            Remarks =
            [
                $"Left out, because the floor took more than twice its median or QEMU's RESUME was missed: {inside.Disturbed} of {setting.Hops} rounds inside, {outside.Disturbed} outside.",
                $"The observer's own longest time between two looks within a gap was {Svg.Time(blind)}.",
                "QEMU's figures from inside are those of its events, from STOP to RESUME; they leave its kick and its start of the vCPUs out.",
            ],
        };
    }

    private static List<Finding> Findings(Rounds inside, Rounds outside, IReadOnlyList<List<Hop>> hops)
    {
        var (floor, ours, qemu) = (inside[0], inside[1], inside[2]);
        Sample Command(int contender) => new(hops[contender].Select(h => h.CommandMilliseconds));
        Sample Ready(int contender) => new(hops[contender].Select(h => h.ReadyMilliseconds));
        return
        [
            new("floor, median", floor.Median, "µs") { Note = $"95th percentile {Svg.Time(floor.Percentile95)}" },
            new("pause, median", ours.Median, "µs")
            {
                AtMost = 500,
                Note = $"95th percentile {Svg.Time(ours.Percentile95)}, most {Svg.Time(ours.Most)}; expected in absolute terms",
            },
            new("QEMU, median", qemu.Median, "µs") { Note = $"95th percentile {Svg.Time(qemu.Percentile95)}" },
            new("pause over the floor, medians", ours.Median / floor.Median, "×")
            {
                AtMost = 1.8,
                Note = $"median of the rounds' ratios {inside.MedianRatio(1, 0):f2}",
            },
            new("pause over the floor, 95th percentiles", ours.Percentile95 / floor.Percentile95, "×") { AtMost = 3 },
            new("outside: floor, median", outside[0].Median, "µs") { Note = $"95th percentile {Svg.Time(outside[0].Percentile95)}" },
            new("outside: ours, median", outside[1].Median, "µs") { Note = $"95th percentile {Svg.Time(outside[1].Percentile95)}" },
            new("outside: QEMU, median", outside[2].Median, "µs") { Note = $"95th percentile {Svg.Time(outside[2].Percentile95)}" },
            new("outside: ours over QEMU's, medians", outside[1].Median / outside[2].Median, "×")
            {
                AtMost = 0.2,
                Note = $"median of the rounds' ratios {outside.MedianRatio(1, 2):f2}; ours over the floor's {outside.MedianRatio(1, 0):f2}",
            },
            new("command to completed, median", Command(1).Median, "ms")
            {
                AtMost = 60,
                Note = $"95th percentile {Command(1).Percentile95:f1} ms; QEMU's median {Command(2).Median:f1} ms",
            },
            new("exec to ready for a plan, median", Ready(1).Median, "ms")
            {
                AtMost = 40,
                Note = $"95th percentile {Ready(1).Percentile95:f1} ms; QEMU's median {Ready(2).Median:f1} ms",
            },
            new("state", hops[1][^1].Bytes, "bytes") { Note = $"the floor's message: {hops[0][^1].Bytes} bytes" },
            .. hops[1][0].Phases.Select(p => Phase("ours", p.Name, hops[1])),
            .. hops[0][0].Phases.Select(p => Phase("floor", p.Name, hops[0])),
        ];
    }

    private static Finding Phase(string contender, string name, List<Hop> hops)
    {
        var sample = new Sample(hops.Select(h => h[name]));
        return new Finding($"{contender}: {name}, median", sample.Median, "µs") { Note = $"95th percentile {Svg.Time(sample.Percentile95)}" };
    }

    private static Distribution Side(string title, Rounds rounds) => new(title, [("floor", rounds[0]), ("ours", rounds[1]), ("QEMU 10", rounds[2])]);

    private static IEnumerable<TimelineStep> Steps(List<Hop> hops, params string[] inNew) =>
        hops[0].Phases.Select(p => new TimelineStep(p.Name, new Sample(hops.Select(h => h[p.Name])).Median, inNew.Contains(p.Name)));
}

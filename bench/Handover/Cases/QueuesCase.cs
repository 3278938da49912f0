// Every queue of every device running, and nothing in flight: what it costs that there are queues to stop, to carry and to start. QEMU carries no tap, so it is
// compared with ours without the network card.

using Vmm.Bench.Handover.Contenders;
using Vmm.Bench.Handover.Report;

namespace Vmm.Bench.Handover.Cases;

/// <summary>Queues that are live and idle.</summary>
internal static class QueuesCase
{
    private const int DiskQueues = 4;
    private const int NetworkPairs = 4;

    internal static CaseReport Run(Setting setting)
    {
        var scratch = setting.Scratch;
        var devices = LiveDevices.Arguments(DiskQueues, LiveDevices.Nowhere);
        using var floor = new Floor(scratch, setting.Floor, cpus: 1, Setting.SmallRam, isBusy: false);
        using var tap = new HostTap(scratch, NetworkPairs);
        using var ours = new VmmGuest(scratch, "queues", Setting.SmallRam, LiveDevices.Guest, [.. devices, .. tap.Arguments]);
        using var same = new VmmGuest(scratch, "no-card", Setting.SmallRam, LiveDevices.Guest, devices);
        using var qemu = new QemuGuest(scratch, setting.Qemu, "qemu-queues", Setting.SmallRam, LiveDevices.Guest, devices);
        var (inside, outside, hops, blind) = Contest.Run(setting, setting.FewHops, floor, ours, same, qemu);
        var steps = hops[1][0].Phases.Select(p => new Finding($"ours: {p.Name}, median", new Sample(hops[1].Select(h => h[p.Name])).Median, "µs"));
        return new CaseReport(
            "queues",
            $"a disk of {DiskQueues} queues (null-co), a console of three ports, an entropy device and, ours alone, a network card of {NetworkPairs} pairs, every queue live, nothing in flight, 1 vCPU, {setting.FewHops} rounds",
        [
            new("floor, median", inside[0].Median, "µs") { Note = $"95th percentile {Svg.Time(inside[0].Percentile95)}; it has no devices" },
            new("pause, median", inside[1].Median, "µs")
            {
                AtMost = 1000,
                Note = $"95th percentile {Svg.Time(inside[1].Percentile95)}; {hops[1][^1].Bytes} bytes of state; over the floor {inside.MedianRatio(1, 0):f2} ×",
            },
            new("without the card: pause, median", inside[2].Median, "µs") { Note = $"95th percentile {Svg.Time(inside[2].Percentile95)}; {hops[2][^1].Bytes} bytes of state" },
            new("without the card: QEMU, median", inside[3].Median, "µs") { Note = $"95th percentile {Svg.Time(inside[3].Percentile95)}" },
            new("without the card: pause over QEMU's, medians", inside[2].Median / inside[3].Median, "×") { AtMost = 0.2, Note = $"median of the rounds' ratios {inside.MedianRatio(2, 3):f2}" },
            new("outside: ours, median", outside[1].Median, "µs") { Note = $"95th percentile {Svg.Time(outside[1].Percentile95)}" },
            new("outside, without the card: ours, median", outside[2].Median, "µs") { Note = $"95th percentile {Svg.Time(outside[2].Percentile95)}" },
            new("outside, without the card: QEMU, median", outside[3].Median, "µs") { Note = $"95th percentile {Svg.Time(outside[3].Percentile95)}" },
            new("outside, without the card: ours over QEMU's, medians", outside[2].Median / outside[3].Median, "×")
            {
                AtMost = 0.2,
                Note = $"median of the rounds' ratios {outside.MedianRatio(2, 3):f2}",
            },
            .. steps,
        ])
        {
            Distributions =
            [
                new("The pause with every queue live, as the processes account for it", [("floor", inside[0]), ("ours", inside[1]), ("ours without the card", inside[2]), ("QEMU 10 without", inside[3])]),
                new("The time in which the guest's counter was stopped, every queue live", [("floor", outside[0]), ("ours", outside[1]), ("ours without the card", outside[2]), ("QEMU 10 without", outside[3])]),
            ],
            Remarks =
            [
                $"Left out, because the floor took more than twice its median or QEMU's RESUME was missed: {inside.Disturbed} of {setting.FewHops} rounds inside, {outside.Disturbed} outside.",
                $"The observer's own longest time between two looks within a gap was {Svg.Time(blind)}.",
            ],
        };
    }
}

// Disk and network under load at the update: every vCPU keeps writes in flight on a queue of its own, and the rings of our network card, with a pair of
// queues for each vCPU, are full. The pause is then the drain, which waits for what
// the host has of the guest's requests, and the rest, which must not be longer for it. From outside one sees how long no request came back on
// the first queue; that includes the first request's way in the new process.

using Vmm.Bench.Handover.Contenders;
using Vmm.Bench.Handover.Report;
using Vmm.Bench.Processes;

namespace Vmm.Bench.Handover.Cases;

/// <summary>A disk and a network card under load.</summary>
internal static class LoadCase
{
    private const double MostForDrain = 5000;
    private const double MostForRest = 1000;

    private static readonly int[] VcpuCounts = [2, 4];

    internal static CaseReport Run(Setting setting)
    {
        var findings = new List<Finding>();
        var distributions = new List<Distribution>();
        foreach (int vcpus in VcpuCounts)
        {
            Measure($"null-co, {vcpus} vCPUs", vcpus, _ => LiveDevices.Nowhere, isPromised: true);
            Measure($"file, {vcpus} vCPUs", vcpus, contender => $"driver=file,node-name=disk0,filename={Image(setting.Scratch, contender)},aio=io_uring", isPromised: false);
        }

        return new CaseReport("load", $"the same devices, 32 writes in flight on the queue of each vCPU and full rings of the network card, {setting.FewHops} rounds each, on {Environment.ProcessorCount} processors", findings)
        {
            Distributions = distributions,
            Remarks =
            [
                "The drain ends when the host has finished the last request that it had taken from the guest; what is in the rings and not taken goes over in them.",
                "QEMU has no network card: it does not carry a tap. Its figures are from STOP to RESUME, which leaves its kick and its start of the vCPUs out.",
            ],
        };

        void Measure(string name, int vcpus, Func<string, string> blockdev, bool isPromised)
        {
            var (inside, outside, hops) = Run(setting, vcpus, blockdev);
            var ours = hops[1];
            var drain = new Sample(ours.Select(h => h["drain"]));
            var rest = new Sample(ours.Select(h => h.PauseMicroseconds - h["drain"]));
            findings.AddRange(
            [
                new($"{name}: pause, median", inside[1].Median, "µs") { Note = $"95th percentile {Svg.Time(inside[1].Percentile95)}; over the floor {inside.MedianRatio(1, 0):f2} ×" },
                new($"{name}: drain, 95th percentile", drain.Percentile95, "µs")
                {
                    AtMost = isPromised ? MostForDrain : null,
                    Note = $"median {Svg.Time(drain.Median)}, most {Svg.Time(drain.Most)}",
                },
                new($"{name}: pause without the drain, median", rest.Median, "µs")
                {
                    AtMost = MostForRest,
                    Note = $"95th percentile {Svg.Time(rest.Percentile95)}, most {Svg.Time(rest.Most)}",
                },
                new($"{name}: QEMU, median", inside[2].Median, "µs") { Note = $"95th percentile {Svg.Time(inside[2].Percentile95)}; ours over QEMU's {inside.MedianRatio(1, 2):f2} ×" },
                new($"{name}: outside, no request came back, median", outside[1].Median, "µs")
                {
                    Note = $"95th percentile {Svg.Time(outside[1].Percentile95)}; QEMU's median {Svg.Time(outside[2].Median)}, ours over it {outside.MedianRatio(1, 2):f2} ×; "
                        + $"{inside.Disturbed} and {outside.Disturbed} rounds left out",
                },
                .. ours[0].Phases.Select(p => new Finding($"{name}: {p.Name}, median", new Sample(ours.Select(h => h[p.Name])).Median, "µs")),
            ]);
            distributions.Add(new($"The pause under load, {name}", [("floor", inside[0]), ("ours", inside[1]), ("QEMU 10", inside[2])]));
        }
    }

    private static (Rounds Inside, Rounds Outside, IReadOnlyList<List<Hop>> Hops) Run(Setting setting, int vcpus, Func<string, string> blockdev)
    {
        var scratch = setting.Scratch;
        string[] Arguments(string contender) => ["-smp", $"{vcpus}", .. LiveDevices.Arguments(vcpus, blockdev(contender))];
        using var floor = new Floor(scratch, setting.Floor, vcpus, Setting.SmallRam, isBusy: false);
        using var tap = new HostTap(scratch, vcpus);
        using var ours = new LoadedGuest(new VmmGuest(scratch, "load", Setting.SmallRam, LiveDevices.Guest, [.. Arguments("load"), .. tap.Arguments]), vcpus, pairs: vcpus);
        using var qemu = new LoadedGuest(new QemuGuest(scratch, setting.Qemu, "qemu-load", Setting.SmallRam, LiveDevices.Guest, Arguments("qemu-load")), vcpus);
        var (inside, outside, hops, _) = Contest.Run(setting, setting.FewHops, floor, ours, qemu);
        return (inside, outside, hops);
    }

    private static string Image(Scratch scratch, string contender)
    {
        string path = scratch[$"{contender}.img"];
        using var file = File.Create(path);
        file.SetLength(LiveDevices.DiskBytes);
        return path;
    }
}

// The pause of a process that becomes another program (cpr-exec), beside that of the same guest when it goes to another process, from inside and from
// outside; and the same with RAM that is all mapped, which exec would unmap page by page if it were let.

using Vmm.Bench.Handover.Contenders;
using Vmm.Bench.Handover.Report;

namespace Vmm.Bench.Handover.Cases;

/// <summary>Mode cpr-exec.</summary>
internal static class ExecCase
{
    private const int Much = 2048;
    private const double Target = 20_000;

    internal static CaseReport Run(Setting setting)
    {
        var scratch = setting.Scratch;
        using var floor = new Floor(scratch, setting.Floor, cpus: 1, Setting.SmallRam, isBusy: false);
        using var transfer = new VmmGuest(scratch, "transfer", Setting.SmallRam, "counter");
        using var exec = new ExecGuest(scratch, "exec", Setting.SmallRam, isMapped: false);
        using var mapped = new ExecGuest(scratch, "mapped", Much, isMapped: true);
        int count = Math.Max(3, setting.Hops / 2);
        var (inside, outside, hops, _) = Contest.Run(setting, count, floor, transfer, exec, mapped);
        var command = new Sample(hops[2].Select(hop => hop.CommandMilliseconds));
        return new CaseReport("exec", $"a guest that counts in RAM, 1 vCPU, {Setting.SmallRam} MiB: cpr-transfer, cpr-exec, and cpr-exec with {Much} MiB all mapped, in turn, {count} rounds",
        [
            Pause("cpr-transfer", inside[1], null),
            Pause("cpr-exec", inside[2], null),
            Pause($"cpr-exec, {Much} MiB mapped", inside[3], null),
            Pause("outside: cpr-transfer", outside[1], null),
            Pause("outside: cpr-exec", outside[2], Target),
            Pause($"outside: cpr-exec, {Much} MiB mapped", outside[3], Target),
            new("cpr-exec: command to completed, median", command.Median, "ms") { Note = $"95th percentile {command.Percentile95:f1} ms" },
            .. hops[2][0].Phases.Select(phase => Phase(phase.Name, hops[2])),
        ])
        {
            Distributions =
            [
                new("The time in which the guest's counter was stopped, seen from outside", [("cpr-transfer", outside[1]), ("cpr-exec", outside[2]), ($"cpr-exec, {Much} MiB mapped", outside[3])]),
            ],
            Remarks =
            [
                "In cpr-exec 'send' is exec and the start of the new program, until it has read the record; 'load' is that it builds the machine and loads the state.",
                $"Left out, because the floor took more than twice its median: {inside.Disturbed} of {count} rounds inside, {outside.Disturbed} outside.",
            ],
        };
    }

    private static Finding Pause(string name, Sample sample, double? atMost) => new($"{name}: pause, median", sample.Median, "µs")
    {
        AtMost = atMost,
        Note = $"95th percentile {Svg.Time(sample.Percentile95)}, most {Svg.Time(sample.Most)}",
    };

    private static Finding Phase(string name, List<Hop> hops)
    {
        var sample = new Sample(hops.Select(hop => hop[name]));
        return new Finding($"cpr-exec: {name}, median", sample.Median, "µs") { Note = $"95th percentile {Svg.Time(sample.Percentile95)}" };
    }
}

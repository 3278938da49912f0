// A machine with every device that there is, and a back end of every kind.

using Vmm.Bench.Handover.Contenders;
using Vmm.Bench.Handover.Report;

namespace Vmm.Bench.Handover.Cases;

/// <summary>Every device present.</summary>
internal static class DevicesCase
{
    internal static CaseReport Run(Setting setting)
    {
        var scratch = setting.Scratch;
        string[] everything =
        [
            "-chardev", "null,id=c0", "-serial", "chardev:c0",
            "-chardev", $"file,id=c1,path={scratch["serial"]}", "-serial", "chardev:c1",
            "-chardev", "pty,id=c2", "-serial", "chardev:c2",
            "-chardev", $"socket,id=c3,path={scratch["serial.sock"]},server=on,wait=off", "-serial", "chardev:c3",
            "-chardev", $"file,id=c4,path={scratch["debug"]}", "-device", "isa-debugcon,chardev=c4",
            "-device", "isa-debug-exit",
            "-monitor", $"unix:{scratch["hmp"]},server=on,wait=off",
        ];
        using var plain = new VmmGuest(scratch, "plain", Setting.SmallRam, "counter");
        using var full = new VmmGuest(scratch, "full", Setting.SmallRam, "counter", everything);
        var rounds = new Rounds();
        long bytes = 0;
        for (int round = 0; round < setting.FewHops; round++)
        {
            plain.Prepare();
            double without = plain.Switch().PauseMicroseconds;
            plain.Rest();
            full.Prepare();
            var hop = full.Switch();
            full.Rest();
            bytes = hop.Bytes;
            rounds.Add(without, hop.PauseMicroseconds);
        }

        return new CaseReport("devices", $"every device and a back end of every kind, 1 vCPU, {setting.FewHops} rounds in turn with none of them",
        [
            new("pause without, median", rounds[0].Median, "µs"),
            new("pause with every device, median", rounds[1].Median, "µs")
            {
                AtMost = 1000,
                Note = $"95th percentile {Svg.Time(rounds[1].Percentile95)}; {bytes} bytes of state",
            },
            new("with over without, median of the rounds' ratios", rounds.MedianRatio(1, 0), "×"),
        ])
        {
            Distributions = [new("The pause with and without devices", [("without", rounds[0]), ("with", rounds[1])])],
        };
    }
}

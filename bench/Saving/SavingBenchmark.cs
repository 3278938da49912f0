// What it takes to save a stopped guest to a file on tmpfs and to restore it, beside QEMU's mode normal with the same machine, in one run: the guest has 2 GiB, one of
// them random bytes and the other never touched. A round is a save and a restore of each program, one after the other.

using Vmm.Bench.Processes;

namespace Vmm.Bench.Saving;

/// <summary>Throughput of saving and restoring.</summary>
internal static class SavingBenchmark
{
    private const int Mebibytes = 2048;
    private const int SmallMebibytes = 256;
    private const string Kernel = "out/guests/counter.elf";

    internal static int Run(int rounds)
    {
        using var scratch = new Scratch();
        string qemu = scratch.Output("lab/qemu").Trim();
        string[] ofQemu =
        [
            "-machine", "microvm,accel=kvm,memory-backend=ram", "-kernel", Kernel, "-no-user-config", "-L", "/usr/share/seabios", "-global", "virtio-mmio.force-legacy=false",
        ];
        string[] ofOurs = ["-machine", "microvm,memory-backend=ram", "-kernel", Kernel];
        using var small = new SavedContender(scratch, "small", VmmUnderTest.Program, ofOurs, SmallMebibytes);
        using var ours = new SavedContender(scratch, "vmm", VmmUnderTest.Program, ofOurs, Mebibytes);
        using var theirs = new SavedContender(scratch, "qemu", qemu, ofQemu, Mebibytes, isLimited: true);
        SavedContender[] contenders = [small, ours, theirs];
        var saves = contenders.ToDictionary(c => c, _ => new List<double>());
        var restores = contenders.ToDictionary(c => c, _ => new List<double>());
        Array.ForEach(contenders, c => c.Start());
        for (int round = -1; round < rounds; round++)
        {
            foreach (var contender in contenders)
            {
                var (save, restore) = (contender.Save(), contender.Restore());
                if (round >= 0)
                {
                    saves[contender].Add(save);
                    restores[contender].Add(restore);
                }
            }
        }

        foreach (var contender in contenders)
        {
            Console.WriteLine($"{contender.Name}: save {Text(saves[contender], contender)}, restore {Text(restores[contender], contender)}; "
                + $"resident beside RAM {contender.Resident.Before / 1024.0:f1} MiB before, {contender.Resident.After / 1024.0:f1} MiB after {rounds + 1} saves");
        }

        double saving = Median(saves[theirs]) / Median(saves[ours]);
        double restoring = Median(restores[theirs]) / Median(restores[ours]);
        Console.WriteLine($"throughput over QEMU's, medians of {rounds} rounds: save {saving:f2} x, restore {restoring:f2} x, at least 1.0 promised");
        return saving >= 1 && restoring >= 1 ? 0 : 1;
    }

    private static string Text(List<double> milliseconds, SavedContender contender) =>
        $"{Median(milliseconds):f0} ms ({contender.FileSize / 1024.0 / 1024 / Median(milliseconds) * 1000:f0} MiB/s)";

    private static double Median(List<double> values) => values.Order().ElementAt(values.Count / 2);
}

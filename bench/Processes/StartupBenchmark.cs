// What a process costs before its guest does anything: the time from exec to the QMP greeting, and resident memory beside
// the guest's RAM. Once of the smallest machine, and once of one with a disk and a console.

namespace Vmm.Bench.Processes;

internal static class StartupBenchmark
{
    private const int Rounds = 21;

    private static readonly string[] DiskAndConsole =
    [
        "-blockdev", "driver=null-co,node-name=disk0", "-device", "virtio-blk-device,drive=disk0",
        "-chardev", "null,id=c0", "-chardev", "null,id=c1", "-device", "virtio-serial-device",
        "-device", "virtconsole,chardev=c0", "-device", "virtserialport,chardev=c1,name=agent",
    ];

    internal static int Run()
    {
        using var scratch = new Scratch();
        bool smallest = Keeps(scratch, "the smallest machine", mostMilliseconds: 25, mostMebibytes: 25);
        bool equipped = Keeps(scratch, "with a disk, a console and a port", mostMilliseconds: 15, mostMebibytes: 16, DiskAndConsole);
        return smallest && equipped ? 0 : 1;
    }

    private static bool Keeps(Scratch scratch, string machine, double mostMilliseconds, double mostMebibytes, params string[] devices)
    {
        var greeting = new double[Rounds];
        var resident = new long[Rounds];
        for (int round = 0; round < Rounds; round++)
        {
            using var vmm = new QmpProcess(scratch, "startup", VmmUnderTest.Program, [.. VmmUnderTest.Arguments("counter", 512), .. devices]);
            greeting[round] = vmm.Greet().TotalMilliseconds;
            vmm.Execute("""{"execute":"query-status"}""");
            resident[round] = vmm.ResidentKiB();
        }

        double milliseconds = greeting.Order().ElementAt(Rounds / 2);
        double mebibytes = resident.Order().ElementAt(Rounds / 2) / 1024.0;
        Console.WriteLine($"{machine}: exec to greeting: median {milliseconds:f1} ms of {Rounds}, at most {mostMilliseconds} promised");
        Console.WriteLine($"{machine}: resident beside guest RAM: median {mebibytes:f1} MiB, at most {mostMebibytes} promised");
        return milliseconds <= mostMilliseconds && mebibytes <= mostMebibytes;
    }
}

// What a process costs before its guest does anything: the time from exec to the QMP greeting, and resident memory beside
// the guest's RAM.

namespace Vmm.Bench.Processes;

internal static class StartupBenchmark
{
    private const int Rounds = 21;
    private const double PromisedMilliseconds = 25;
    private const long PromisedKiB = 25 * 1024;

    internal static int Run()
    {
        using var scratch = new Scratch();
        var greeting = new double[Rounds];
        var resident = new long[Rounds];
        for (int round = 0; round < Rounds; round++)
        {
            using var vmm = new QmpProcess(scratch, "startup", VmmUnderTest.Program, VmmUnderTest.Arguments("counter", 512));
            greeting[round] = vmm.Greet().TotalMilliseconds;
            vmm.Execute("""{"execute":"query-status"}""");
            resident[round] = vmm.ResidentKiB();
        }

        double milliseconds = greeting.Order().ElementAt(Rounds / 2);
        long kib = resident.Order().ElementAt(Rounds / 2);
        Console.WriteLine($"exec to greeting: median {milliseconds:f1} ms of {Rounds}, at most {PromisedMilliseconds} promised");
        Console.WriteLine($"resident beside guest RAM: median {kib / 1024.0:f1} MiB, at most {PromisedKiB / 1024} promised");
        return milliseconds <= PromisedMilliseconds && kib <= PromisedKiB ? 0 : 1;
    }
}

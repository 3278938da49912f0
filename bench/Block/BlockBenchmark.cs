// Requests per second of a disk that is nowhere (null-co), by everything that a guest's requests pass: kick eventfd, I/O thread, virtqueue, block node,
// interrupt, call eventfd; against the smallest device in C that does the same. One driver, in C, drives both, and EVENT_IDX is on for both.
// There is no guest: what it costs to leave and to enter one is the same for every device. The two take turns of a few milliseconds,
// so that a change of the host's load meets both, and the medians are compared.
//
// Both devices are served on one processor, the driver runs on another. What is promised is without polling.

using Vmm.Bench.Io;

namespace Vmm.Bench.Block;

internal static class BlockBenchmark
{
    private const int Rounds = 101;
    private const long Warm = 10_000;
    private const double Promised = 0.8;
    private const long Poll = 32_768;

    private static readonly Case[] Cases = [new(1, 0, 300), new(32, 0, 9_600), new(1, Poll, 600), new(32, Poll, 9_600)];

    internal static int Run()
    {
        using var library = new CompiledLibrary("Block/block.c");
        bool isKept = true;
        foreach (var measured in Cases)
        {
            isKept &= Run(library.Handle, measured);
        }

        return isKept ? 0 : 1;
    }

    private static bool Run(nint library, Case measured)
    {
        using var diskInC = new NativeDriver(library, new GuestRam(), DiskUnderTest.Sectors, measured.Depth, acknowledge: null);
        var threadInC = new Thread(() =>
        {
            diskInC.Pin(1);
            diskInC.Serve(measured.Poll);
        })
        { IsBackground = true };
        threadInC.Start();
        using var disk = new DiskUnderTest(library, measured.Depth, measured.Poll);
        diskInC.Pin(0);
        diskInC.Drive(Warm);
        disk.Drive(Warm);
        _ = disk.Allocated;
        long before = disk.Allocated;

        var inC = new double[Rounds];
        var here = new double[Rounds];
        for (int round = 0; round < Rounds; round++)
        {
            inC[round] = diskInC.Drive(measured.Requests);
            here[round] = disk.Drive(measured.Requests);
        }

        long allocated = disk.Allocated - before;
        diskInC.End();
        threadInC.Join();
        double ratio = Median(inC) / Median(here);
        Console.WriteLine(
            $"depth {measured.Depth}, polling {measured.Poll / 1000.0:f0} us: C {PerSecond(measured, Median(inC)):n0}, "
            + $"vmm {PerSecond(measured, Median(here)):n0} requests/s; vmm/C {ratio:f3}{(measured.IsPromised ? $", at least {Promised} promised" : "")}; "
            + $"undisturbed {PerSecond(measured, Undisturbed(inC)):n0} and {PerSecond(measured, Undisturbed(here)):n0}, "
            + $"{Undisturbed(inC) / Undisturbed(here):f3}; {allocated} bytes allocated");
        return !measured.IsPromised || (ratio >= Promised && allocated == 0);
    }

    private static double PerSecond(Case measured, double nanoseconds) => measured.Requests * 1e9 / nanoseconds;

    private static double Median(double[] values) => values.Order().ElementAt(values.Length / 2);

    /// <summary>The time of the rounds in which the host did least besides.</summary>
    private static double Undisturbed(double[] values) => values.Order().ElementAt(values.Length / 20);

    private sealed record Case(int Depth, long Poll, long Requests)
    {
        internal bool IsPromised => Poll == 0;
    }
}

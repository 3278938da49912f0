// Events per second of an I/O thread against a loop in C that does the same: an eventfd comes, a ring in memory is emptied, an eventfd goes out.
// Filled and measured by C in both cases. The two take turns of a few milliseconds, so that a change of the host's load meets both, and the
// medians are compared.
//
// Both loops run on one processor, what fills the queue on another, so that it is not the host's scheduler that is compared. "Woken" waits for each answer before the next event, so the loop sleeps in between, as under a guest with one request at a time; "ready"
// has the next event there when one is served, so that nothing but the loop itself is measured, four system calls and what is around them.
// What is promised is the first.

using Vmm.Core.Loop;

namespace Vmm.Bench.Io;

internal static class IoBenchmark
{
    private const int Rounds = 201;
    private const long Warm = 1_000;
    private const double Promised = 0.9;
    private const long Poll = 32_768;

    private static readonly Case[] Cases =
    [
        new("ready", 1, 0, 500), new("ready", 32, 0, 500),
        new("woken", 1, 0, 100), new("woken", 32, 0, 100), new("woken", 1, Poll, 100), new("woken", 32, Poll, 100),
    ];

    internal static int Run()
    {
        using var library = new CompiledLibrary("Io/io.c");
        bool isKept = true;
        foreach (var measured in Cases)
        {
            isKept &= Run(library.Handle, measured);
        }

        return isKept ? 0 : 1;
    }

    private static bool Run(nint library, Case measured)
    {
        using var queueInC = new NativeQueue(library, measured.Batch);
        var threadInC = new Thread(() =>
        {
            queueInC.Pin(1);
            queueInC.Serve(measured.Poll);
        })
        { IsBackground = true };
        threadInC.Start();
        using var queue = new NativeQueue(library, measured.Batch);
        using var thread = new IoThread("io", measured.Poll);
        using var meter = new AllocationMeter(thread);
        using var pin = thread.CreateTimer(() => queue.Pin(1));
        pin.Arm(TimeSpan.Zero);
        using var source = thread.Add(queue.Doorbell, queue.ServeOnce);
        source.Start();
        queue.Pin(0);
        Drive(queueInC, measured, Warm);
        Drive(queue, measured, Warm);
        meter.Read();
        long before = meter.Read();

        var inC = new double[Rounds];
        var here = new double[Rounds];
        for (int round = 0; round < Rounds; round++)
        {
            inC[round] = Drive(queueInC, measured, measured.Signals);
            here[round] = Drive(queue, measured, measured.Signals);
        }

        long allocated = meter.Read() - before;
        queueInC.End();
        threadInC.Join();
        double ratio = Median(inC) / Median(here);
        Console.WriteLine(
            $"{measured.Kind}, batch {measured.Batch}, polling {measured.Poll / 1000.0:f0} us: C {PerSecond(measured, Median(inC)):n0}, "
            + $"vmm {PerSecond(measured, Median(here)):n0} events/s; vmm/C {ratio:f3}{(measured.IsPromised ? $", at least {Promised} promised" : "")}; "
            + $"undisturbed {PerSecond(measured, Undisturbed(inC)):n0} and {PerSecond(measured, Undisturbed(here)):n0}, "
            + $"{Undisturbed(inC) / Undisturbed(here):f3}; {allocated} bytes allocated");
        return (ratio >= Promised || !measured.IsPromised) && allocated == 0;
    }

    private static double Drive(NativeQueue queue, Case measured, long signals) => measured.Kind == "woken" ? queue.Drive(signals) : queue.DriveReady(signals);

    private static double PerSecond(Case measured, double nanoseconds) => measured.Signals * 1e9 / nanoseconds;

    private static double Median(double[] values) => values.Order().ElementAt(values.Length / 2);

    /// <summary>The time of the rounds in which the host did least besides.</summary>
    private static double Undisturbed(double[] values) => values.Order().ElementAt(values.Length / 20);

    private sealed record Case(string Kind, int Batch, long Poll, long Signals)
    {
        internal bool IsPromised => Kind == "woken";
    }
}

// Frames per second of a network card on a stream socket, by everything that a guest's frames pass: kick eventfd, I/O thread, virtqueue, socket,
// interrupt, call eventfd; against the smallest card in C that does the same. One driver and one peer, in C, drive both, and EVENT_IDX is on for both. There
// is no guest: what it costs to leave and to enter one is the same for every device. The two take turns of a few milliseconds, so that a change of
// the host's load meets both, and the medians are compared. Nothing polls.

using Vmm.Bench.Io;

namespace Vmm.Bench.Net;

internal static class NetBenchmark
{
    private const int Rounds = 101;
    private const double Promised = 0.8;
    private const long FramesOfTurn = 3_200;
    private const int WarmTurns = 4;

    private static readonly uint[] Batches = [1, 32];

    internal static int Run()
    {
        using var library = new CompiledLibrary("Net/net.c");
        bool isKept = true;
        foreach (uint batch in Batches)
        {
            isKept &= Run(library.Handle, batch);
        }

        return isKept ? 0 : 1;
    }

    private static bool Run(nint library, uint batch)
    {
        using var cardInC = new NativeCard(library, new GuestRam(), acknowledge: null);
        var threadInC = new Thread(() =>
        {
            cardInC.Pin(1);
            cardInC.Serve();
        })
        { IsBackground = true };
        threadInC.Start();
        using var card = new CardUnderTest(library);
        cardInC.Begin();
        cardInC.Pin(0);
        long turns = batch == 1 ? FramesOfTurn / 8 : FramesOfTurn / batch;
        cardInC.Drive(WarmTurns * turns, batch);
        card.Drive(WarmTurns * turns, batch);
        _ = card.Allocated;
        long before = card.Allocated;

        var inC = new double[Rounds];
        var here = new double[Rounds];
        for (int round = 0; round < Rounds; round++)
        {
            inC[round] = cardInC.Drive(turns, batch);
            here[round] = card.Drive(turns, batch);
        }

        long allocated = card.Allocated - before;
        cardInC.End();
        threadInC.Join();
        long frames = 2 * turns * batch;
        double ratio = Median(inC) / Median(here);
        Console.WriteLine(
            $"batch {batch}: C {PerSecond(frames, inC):n0}, vmm {PerSecond(frames, here):n0} frames/s, both ways together; vmm/C {ratio:f3}, at least {Promised} promised; "
            + $"{allocated} bytes allocated");
        return ratio >= Promised && allocated == 0;
    }

    private static double PerSecond(long frames, double[] nanoseconds) => frames * 1e9 / Median(nanoseconds);

    private static double Median(double[] values) => values.Order().ElementAt(values.Length / 2);
}

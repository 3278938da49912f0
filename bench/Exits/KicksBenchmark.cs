// Kicks at random instants. Each stop must complete: one that takes ten seconds counts as lost, and the benchmark fails.

using System.Diagnostics;

namespace Vmm.Bench.Exits;

internal static class KicksBenchmark
{
    private static readonly TimeSpan Lost = TimeSpan.FromSeconds(10);

    internal static int Run(int count)
    {
        const int MostSpins = 4_000;
        const int ProgressEvery = 50_000;
        using var exits = new CountingExits(warm: 1, long.MaxValue / 2);
        using var machine = new BenchMachine(exits);
        var random = new Random(1);
        var microseconds = new float[count];
        var clock = Stopwatch.StartNew();
        for (int i = 0; i < count; i++)
        {
            machine.Vm.Cpus.Start();
            Thread.SpinWait(random.Next(MostSpins));
            long start = Stopwatch.GetTimestamp();
            var stop = machine.Vm.Cpus.StopAsync(captureState: false);

            // Looked at and not waited for: a wait would have the vCPU's thread wake us, at a cost that is not the kick's.
            var elapsed = Stopwatch.GetElapsedTime(start);
            for (; !stop.IsCompleted; elapsed = Stopwatch.GetElapsedTime(start))
            {
                if (elapsed > Lost)
                {
                    Console.Error.WriteLine($"kick {i} was lost");
                    return 1;
                }

                Thread.Yield();
            }

            microseconds[i] = (float)elapsed.TotalMicroseconds;
            if ((i + 1) % ProgressEvery == 0)
            {
                Console.WriteLine($"{i + 1:n0} kicks, none lost, {clock.Elapsed.TotalSeconds:f0} s");
            }
        }

        exits.Finish();
        machine.Vm.Cpus.Start();
        exits.Done.Wait();
        Array.Sort(microseconds);
        Console.WriteLine($"{count:n0} kicks, none lost; from kick to stopped: median {microseconds[count / 2]:f0} us, "
            + $"99 % {microseconds[(int)(count * 0.99)]:f0} us, longest {microseconds[^1]:f0} us");
        Console.WriteLine($"allocated on the vCPU's thread: {exits.Allocated} bytes");
        return exits.Failure is null && exits.Allocated == 0 ? 0 : 1;
    }
}

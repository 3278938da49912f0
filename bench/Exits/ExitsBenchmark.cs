// Exits per second against the same guest driven from C. The two take turns, so that a change of the host's load meets both, and the
// medians are compared.

using System.Diagnostics;
using System.Globalization;

namespace Vmm.Bench.Exits;

internal static class ExitsBenchmark
{
    private const int Rounds = 11;
    private const long Warm = 10_000;
    private const long Exits = 100_000;
    private const double Promised = 0.95;

    /// <param name="mmio">Whether the guest writes an address without memory; otherwise a port.</param>
    internal static int Run(bool mmio)
    {
        string program = Path.Combine(Path.GetTempPath(), $"vmm-bench-exits-{Environment.ProcessId}");
        try
        {
            Output("gcc", "-O2", "-o", program, Path.Combine(AppContext.BaseDirectory, "Exits", "exits.c"));
            var inC = new double[Rounds];
            var here = new double[Rounds];
            long allocated = 0;
            for (int round = 0; round < Rounds; round++)
            {
                inC[round] = double.Parse(Output(program, Exits.ToString(CultureInfo.InvariantCulture), mmio ? "mmio" : "ports"), CultureInfo.InvariantCulture);
                (here[round], long bytes) = Measure(mmio);
                allocated += bytes;
                Console.WriteLine($"round {round + 1}: C {PerSecond(inC[round]):n0}, vmm {PerSecond(here[round]):n0} exits/s");
            }

            double ratio = Median(inC) / Median(here);
            Console.WriteLine($"median: C {PerSecond(Median(inC)):n0}, vmm {PerSecond(Median(here)):n0} exits/s; vmm/C {ratio:f3}, at least {Promised} promised");
            Console.WriteLine($"allocated on the vCPU's thread: {allocated} bytes in {Rounds * Exits:n0} exits");
            return ratio >= Promised && allocated == 0 ? 0 : 1;
        }
        finally
        {
            File.Delete(program);
        }
    }

    private static (double Nanoseconds, long Allocated) Measure(bool mmio)
    {
        using var exits = new CountingExits(Warm, Exits);
        using var machine = new BenchMachine(exits, mmio);
        machine.Vm.Cpus.Start();
        exits.Done.Wait();
        return exits.Failure is null ? (exits.Nanoseconds, exits.Allocated) : throw new InvalidOperationException(exits.Failure);
    }

    private static double PerSecond(double nanoseconds) => Exits * 1e9 / nanoseconds;

    private static double Median(double[] values) => values.Order().ElementAt(values.Length / 2);

    private static string Output(string program, params string[] arguments)
    {
        using var process = Process.Start(new ProcessStartInfo(program, arguments) { RedirectStandardOutput = true })!;
        string output = process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        return process.ExitCode == 0 ? output : throw new InvalidOperationException($"{program} exited with {process.ExitCode}");
    }
}

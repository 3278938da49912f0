using System.Globalization;
using Vmm.Bench.Block;
using Vmm.Bench.Exits;
using Vmm.Bench.Handover;
using Vmm.Bench.Io;
using Vmm.Bench.Net;
using Vmm.Bench.Processes;
using Vmm.Bench.Saving;

try
{
    return Run(args);
}
catch (Exception failure) when (failure is not OutOfMemoryException)
{
    // Caught here so that what was started is ended on the way.
    Console.Error.WriteLine(failure);
    return 1;
}

static int Run(string[] args) => args switch
{
    ["exits"] => ExitsBenchmark.Run(mmio: false),
    ["exits", "mmio"] => ExitsBenchmark.Run(mmio: true),
    ["io"] => IoBenchmark.Run(),
    ["block"] => BlockBenchmark.Run(),
    ["net"] => NetBenchmark.Run(),
    ["kicks"] => KicksBenchmark.Run(1_000_000),
    ["kicks", var count] when IsCount(count) => KicksBenchmark.Run(Number(count)),
    ["saving"] => SavingBenchmark.Run(11),
    ["saving", var rounds] when IsCount(rounds) => SavingBenchmark.Run(Number(rounds)),
    ["startup"] => StartupBenchmark.Run(),
    ["handover"] => HandoverBenchmark.Run(200, null),
    ["handover", var hops] when IsCount(hops) => HandoverBenchmark.Run(Number(hops), null),
    ["handover", "--only", var only] => HandoverBenchmark.Run(200, only),
    ["handover", var hops, "--only", var only] when IsCount(hops) => HandoverBenchmark.Run(Number(hops), only),
    _ => Usage(),
};

static bool IsCount(string text) => int.TryParse(text, CultureInfo.InvariantCulture, out int count) && count > 0;

static int Number(string text) => int.Parse(text, CultureInfo.InvariantCulture);

static int Usage()
{
    Console.Error.WriteLine($"vmm-bench exits [mmio] | io | block | net | kicks [COUNT] | startup | saving [ROUNDS] | handover [HOPS] [--only {HandoverBenchmark.CaseNames}]");
    return 2;
}

using Vmm.Bench.Exits;
using Vmm.Bench.Processes;

return args switch
{
    ["exits"] => ExitsBenchmark.Run(),
    ["kicks"] => KicksBenchmark.Run(1_000_000),
    ["kicks", var count] when int.TryParse(count, out int kicks) && kicks > 0 => KicksBenchmark.Run(kicks),
    ["startup"] => StartupBenchmark.Run(),
    ["hops"] => HopsBenchmark.Run(200),
    ["hops", var count] when int.TryParse(count, out int hops) && hops > 0 => HopsBenchmark.Run(hops),
    _ => Usage(),
};

static int Usage()
{
    Console.Error.WriteLine("vmm-bench exits | kicks [COUNT] | startup | hops [COUNT]");
    return 2;
}

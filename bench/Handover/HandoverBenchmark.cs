// The handover, measured and compared with its targets: a table here, and a page with pictures in out/bench/handover.html.
// The exit code is 1 when a target was missed.

using System.Globalization;
using Vmm.Bench.Handover.Cases;
using Vmm.Bench.Handover.Report;
using Vmm.Bench.Processes;

namespace Vmm.Bench.Handover;

internal static class HandoverBenchmark
{
    private const string Page = "out/bench/handover.html";

    private static readonly (string Name, Func<Setting, CaseReport> Run)[] Cases =
    [
        ("pause", PauseCase.Run),
        ("ram", RamCase.Run),
        ("cpus", CpusCase.Run),
        ("devices", DevicesCase.Run),
        ("queues", QueuesCase.Run),
        ("load", LoadCase.Run),
        ("prefault", PrefaultCase.Run),
        ("exec", ExecCase.Run),
    ];

    /// <summary>The names of the cases, for a usage line.</summary>
    internal static string CaseNames => string.Join('|', Cases.Select(c => c.Name));

    /// <summary>Runs all cases, or one.</summary>
    /// <param name="hops">How many hops the main case makes of each kind.</param>
    /// <param name="only">The name of the only case to run; null for all.</param>
    internal static int Run(int hops, string? only)
    {
        var chosen = Cases.Where(c => only is null || c.Name == only).ToList();
        if (chosen.Count == 0)
        {
            Console.Error.WriteLine($"no case '{only}'; there are {CaseNames}");
            return 2;
        }

        using var scratch = new Scratch();
        var setting = new Setting(
            scratch, hops, scratch.Compile("Handover/Contenders/floor.c"), scratch.Compile("Handover/Contenders/observer.c"));
        var reports = new List<CaseReport>();
        foreach (var (name, run) in chosen)
        {
            Console.Error.WriteLine($"running: {name}");
            reports.Add(run(setting));
        }

        TextTable.Write(Console.Out, reports);
        Directory.CreateDirectory(Path.GetDirectoryName(Page)!);
        File.WriteAllText(Page, HtmlPage.Of(Host(), reports));
        Console.WriteLine();
        Console.WriteLine($"pictures: {Page}");
        return reports.SelectMany(r => r.Findings).Any(f => f.IsMet == false) ? 1 : 0;
    }

    private static string Host()
    {
        string processor = File.ReadLines("/proc/cpuinfo").FirstOrDefault(l => l.StartsWith("model name", StringComparison.Ordinal))?.Split(':')[1].Trim() ?? "";
        string load = File.ReadAllText("/proc/loadavg").Split(' ')[0];
        return string.Create(
            CultureInfo.InvariantCulture,
            $"{DateTime.UtcNow:yyyy-MM-dd HH:mm} UTC; {Environment.ProcessorCount} processors ({processor}); Linux {Environment.OSVersion.Version}; "
            + $"load at the end {load}");
    }
}

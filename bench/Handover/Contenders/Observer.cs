// What happened to the guest, as observer.c sees it in its RAM.

using System.Diagnostics;
using System.Globalization;
using Vmm.Bench.Processes;

namespace Vmm.Bench.Handover.Contenders;

/// <summary>Watches one handover from outside.</summary>
internal sealed class Observer(Scratch scratch, string program)
{
    /// <summary>Watches while <paramref name="handover"/> happens and for a while after it.</summary>
    internal Observation Watch(string ramPath, Action handover)
    {
        const int Before = 220;
        const int After = 120;
        using var never = new ManualResetEventSlim();
        var process = scratch.Start(new ProcessStartInfo(program, [ramPath, $"{RamFile.Counter}"])
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
        });
        try
        {
            Expect(process, "watching");
            never.Wait(Before);
            Mark(process);
            handover();
            Mark(process);
            never.Wait(After);
            Mark(process);
            if ((process.StandardOutput.ReadLine() ?? "").Split(' ') is not [var gap, _, var own, var before, var after])
            {
                throw new InvalidOperationException("the observer died");
            }

            return new Observation(Number(gap) / 1e3, Number(own) / 1e3, Number(before), Number(after));
        }
        finally
        {
            scratch.End(process);
        }
    }

    private static void Mark(Process process)
    {
        process.StandardInput.Write('\n');
        process.StandardInput.Flush();
    }

    private static double Number(string text) => double.Parse(text, CultureInfo.InvariantCulture);

    private static void Expect(Process process, string line)
    {
        if (process.StandardOutput.ReadLine() != line)
        {
            throw new InvalidOperationException("the observer cannot watch: it must be allowed real-time priority and to open the RAM file");
        }
    }
}

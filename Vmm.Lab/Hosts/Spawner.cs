// Starts processes that die with this one. The kernel sends a child its parent-death signal when the *thread* that
// forked it ends, and pool threads come and go; so one thread, which lives as long as the process, starts them all.
// Each child has a session of its own: Ctrl-C reaches this process alone, which then ends its children in order.

using System.Collections.Concurrent;
using System.Diagnostics;

namespace Vmm.Lab.Hosts;

/// <summary>The thread that starts every child.</summary>
internal static class Spawner
{
    private static readonly BlockingCollection<Action> Requests = Begin();

    /// <summary>Starts a program with redirected standard streams; SIGKILL takes it when this process ends.</summary>
    internal static Task<Process> StartAsync(string program, IEnumerable<string> arguments)
    {
        var start = new ProcessStartInfo("setsid", ["setpriv", "--pdeathsig", "KILL", "--", program, .. arguments])
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        var started = new TaskCompletionSource<Process>(TaskCreationOptions.RunContinuationsAsynchronously);
        Requests.Add(() =>
        {
            try
            {
                started.SetResult(Process.Start(start)!);
            }
            catch (Exception failure)
            {
                started.SetException(failure);
            }
        });
        return started.Task;
    }

    private static BlockingCollection<Action> Begin()
    {
        var requests = new BlockingCollection<Action>();
        new Thread(() =>
        {
            foreach (var request in requests.GetConsumingEnumerable())
            {
                request();
            }
        })
        { IsBackground = true, Name = "spawner" }.Start();
        return requests;
    }
}

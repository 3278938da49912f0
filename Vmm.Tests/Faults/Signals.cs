using Vmm.Lab.Drivers;
using Vmm.Tests.EndToEnd.Driving;

namespace Vmm.Tests.Faults;

/// <summary>Signals to processes of a scene.</summary>
internal static class Signals
{
    private static readonly TimeSpan Poll = TimeSpan.FromMilliseconds(1);

    /// <summary>kill -9, and waits for the end.</summary>
    internal static async Task KillAsync(this Party party)
    {
        Signal.Send(party.Process, Signal.Kill);
        await party.Process.Exited.WaitAsync(Timeouts.Answer);
    }

    /// <summary>SIGSTOP, and waits until every thread has stopped.</summary>
    internal static async Task StopAsync(this Party party)
    {
        Signal.Send(party.Process, Signal.Stop);
        using var deadline = new CancellationTokenSource(Timeouts.Answer);
        while (!party.IsStopped)
        {
            await Task.Delay(Poll, deadline.Token);
        }
    }

    /// <summary>SIGCONT.</summary>
    internal static void Continued(this Party party) => Signal.Send(party.Process, Signal.Continue);
}

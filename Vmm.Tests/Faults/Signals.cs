using System.Runtime.InteropServices;
using Vmm.Lab.Drivers;

namespace Vmm.Tests.Faults;

/// <summary>Signals to processes of a scene; each is sent to one process by its number.</summary>
internal static partial class Signals
{
    private const int Kill = 9;
    private const int Continue = 18;
    private const int Stop = 19;
    private static readonly TimeSpan Poll = TimeSpan.FromMilliseconds(1);

    /// <summary>kill -9, and waits for the end.</summary>
    internal static async Task KillAsync(this Party party)
    {
        Send(party, Kill);
        await party.Process.Exited.WaitAsync(Patience.Answer);
    }

    /// <summary>SIGSTOP, and waits until every thread has stopped.</summary>
    internal static async Task StopAsync(this Party party)
    {
        Send(party, Stop);
        using var deadline = new CancellationTokenSource(Patience.Answer);
        while (!party.IsStopped)
        {
            await Task.Delay(Poll, deadline.Token);
        }
    }

    /// <summary>SIGCONT.</summary>
    internal static void Continued(this Party party) => Send(party, Continue);

    private static void Send(Party party, int signal)
    {
        if (SendSignal(party.Process.Pid, signal) != 0)
        {
            throw new IOException($"kill -{signal} {party.Process.Pid}: {Marshal.GetLastPInvokeErrorMessage()}");
        }
    }

    [LibraryImport("libc", EntryPoint = "kill", SetLastError = true)]
    private static partial int SendSignal(int process, int signal);
}

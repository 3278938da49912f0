using System.Runtime.InteropServices;
using Vmm.Lab.Drivers;

namespace Vmm.Tests.EndToEnd.Driving;

/// <summary>Signals to one process, by its number, with no other process between: they are sent at once.</summary>
internal static partial class Signal
{
    internal const int Kill = 9;
    internal const int Terminate = 15;
    internal const int Continue = 18;
    internal const int Stop = 19;

    internal static void Send(VmmProcess process, int signal) => Send(process.Pid, signal);

    internal static void Send(int process, int signal)
    {
        if (SendSignal(process, signal) != 0)
        {
            throw new IOException($"kill -{signal} {process}: {Marshal.GetLastPInvokeErrorMessage()}");
        }
    }

    /// <summary>Sends a signal that waits in a queue for as long as its process blocks it; false when there is no room for it.</summary>
    internal static bool TryQueue(int process, int signal) => QueueSignal(process, signal, 0) == 0;

    [LibraryImport("libc", EntryPoint = "sigqueue", SetLastError = true)]
    private static partial int QueueSignal(int process, int signal, nint value);

    [LibraryImport("libc", EntryPoint = "kill", SetLastError = true)]
    private static partial int SendSignal(int process, int signal);
}

using System.Runtime.InteropServices;
using Vmm.Lab.Drivers;

namespace Vmm.Tests.EndToEnd.Driving;

/// <summary>Signals to one process, by its number, with no other process between: they are sent the moment they are asked for.</summary>
internal static partial class Signal
{
    internal const int Kill = 9;
    internal const int Terminate = 15;
    internal const int Continue = 18;
    internal const int Stop = 19;

    internal static void Send(VmmProcess process, int signal)
    {
        if (SendSignal(process.Pid, signal) != 0)
        {
            throw new IOException($"kill -{signal} {process.Pid}: {Marshal.GetLastPInvokeErrorMessage()}");
        }
    }

    [LibraryImport("libc", EntryPoint = "kill", SetLastError = true)]
    private static partial int SendSignal(int process, int signal);
}

using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;
using Tmds.Linux;
using static Tmds.Linux.LibC;

namespace Vmm.Core.Native;

internal static partial class Posix
{
    /// <summary>This process's effective user.</summary>
    internal static uint EffectiveUserId => (uint)geteuid();

    /// <summary>A descriptor that stands for a process, whatever becomes of its number.</summary>
    internal static SafeFileHandle OpenProcess(int processId) => Own(pidfd_open(processId, 0), $"pidfd_open {processId}");

    /// <summary>Whether the process behind a pidfd has ended.</summary>
    internal static bool HasEnded(SafeHandle process) => (PollNow(process, FdEvents.In) & FdEvents.In) != 0;

    /// <summary>Gives a signal its default action, also when whoever started this process had it ignored.</summary>
    internal static void RestoreSignal(int number)
    {
        if (signal(number, 0) == -1)
        {
            throw new PosixException($"signal {number}", errno);
        }
    }

    [LibraryImport("libc", SetLastError = true)]
    private static partial nint signal(int number, nint action);

    [LibraryImport("libc", SetLastError = true)]
    private static partial int pidfd_open(int pid, uint flags);
}

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

    /// <summary>A number that nobody can guess. The runtime's own source loads OpenSSL for it, which a host need not have.</summary>
    internal static ulong RandomNumber()
    {
        ulong number;
        while (getrandom(out number, sizeof(ulong), 0) != sizeof(ulong))
        {
            if (errno != EINTR)
            {
                throw new PosixException("getrandom", errno);
            }
        }

        return number;
    }

    [LibraryImport("libc", SetLastError = true)]
    private static partial nint getrandom(out ulong buffer, nint length, uint flags);

    [LibraryImport("libc", SetLastError = true)]
    private static partial int pidfd_open(int pid, uint flags);
}

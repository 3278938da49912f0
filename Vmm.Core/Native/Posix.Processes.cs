using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;
using Tmds.Linux;
using static Tmds.Linux.LibC;

namespace Vmm.Core.Native;

internal static partial class Posix
{
    private const int PeerPidFd = 77; // SO_PEERPIDFD

    /// <summary>This process's effective user.</summary>
    internal static uint EffectiveUserId => (uint)geteuid();

    /// <summary>A descriptor that stands for a process, whatever becomes of its number.</summary>
    internal static SafeFileHandle OpenProcess(int processId) => Own(pidfd_open(processId, 0), $"pidfd_open {processId}");

    /// <summary>
    /// A descriptor that stands for the process at the other end of a unix socket, wherever its pid namespace is; null where the kernel does not
    /// say (before Linux 6.5), or the process has ended.
    /// </summary>
    /// <exception cref="PosixException">This process may open no more descriptors.</exception>
    internal static SafeFileHandle? TryOpenPeer(SafeHandle socket) => TryGetOption(socket, PeerPidFd, out int descriptor)
        ? Own(descriptor, "SO_PEERPIDFD")
        : errno is var error && (error == EMFILE || error == ENFILE || error == ENOMEM) ? throw new PosixException("SO_PEERPIDFD", error)
        : null;

    /// <summary>Whether a descriptor, which any peer may have sent, stands for a process. No other file's link has such a name: those of paths begin with a slash.</summary>
    internal static bool IsProcess(SafeHandle handle)
    {
        using var fd = new Borrowed(handle);
        return new FileInfo($"/proc/self/fd/{(int)fd}").LinkTarget is { } link
            && (link == "anon_inode:[pidfd]" || link.StartsWith("pidfd:[", StringComparison.Ordinal));
    }

    /// <summary>Whether the process behind a pidfd has ended.</summary>
    internal static bool HasEnded(SafeHandle process) => (PollNow(process, FdEvents.In) & FdEvents.In) != 0;

    /// <summary>A number that cannot be guessed. The runtime's own source loads OpenSSL for it, which a host need not have.</summary>
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

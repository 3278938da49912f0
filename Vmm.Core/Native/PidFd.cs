using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;
using static Tmds.Linux.LibC;
using static Vmm.Core.Native.NativeCall;

namespace Vmm.Core.Native;

/// <summary>Descriptors of processes.</summary>
public static partial class PidFd
{
    private const int PeerPidFd = 77; // SO_PEERPIDFD

    /// <summary>A descriptor that stands for a process, whatever becomes of its number.</summary>
    public static SafeFileHandle Open(int processId) => Own(pidfd_open(processId, 0), $"pidfd_open {processId}");

    /// <summary>The same; null where the host does not allow it at all.</summary>
    /// <exception cref="PosixException">There is no such process, or this one may open no more descriptors.</exception>
    public static SafeFileHandle? TryOpen(int processId)
    {
        try
        {
            return Open(processId);
        }
        catch (PosixException e) when (e.Errno == ENOSYS || e.Errno == EPERM || e.Errno == EACCES)
        {
            return null;
        }
    }

    /// <summary>
    /// A descriptor that stands for the process at the other end of a unix socket, wherever its pid namespace is; null where the kernel does not
    /// say (before Linux 6.5), or the process has ended.
    /// </summary>
    /// <exception cref="PosixException">This process may open no more descriptors.</exception>
    public static SafeFileHandle? TryOpenPeer(SafeHandle socket) => HostSocket.TryGetOption(socket, PeerPidFd, out int descriptor)
        ? Own(descriptor, "SO_PEERPIDFD")
        : LastError is var error && (error == EMFILE || error == ENFILE || error == ENOMEM) ? throw new PosixException("SO_PEERPIDFD", error)
        : null;

    /// <summary>Whether a descriptor, which any peer may have sent, stands for a process. No other file's link has such a name: those of paths begin with a slash.</summary>
    public static bool IsPidFd(SafeHandle handle)
    {
        using var fd = new BorrowedDescriptor(handle);
        return new FileInfo($"/proc/self/fd/{(int)fd}").LinkTarget is { } link
            && (link == "anon_inode:[pidfd]" || link.StartsWith("pidfd:[", StringComparison.Ordinal));
    }

    /// <summary>Whether the process behind a pidfd has ended.</summary>
    public static bool HasEnded(SafeHandle process) => (FileDescriptor.PollNow(process, FdEvents.In) & FdEvents.In) != 0;

    /// <summary>Sends a signal to the process.</summary>
    /// <exception cref="PosixException">This process may not, or that one has been waited for.</exception>
    internal static void Signal(SafeHandle process, int number)
    {
        using var fd = new BorrowedDescriptor(process);
        CheckLast(pidfd_send_signal(fd, number, 0, 0), $"send signal {number} to a process");
    }

    /// <summary>Waits for a child that has ended, so that nothing is left of it; without effect for other processes.</summary>
    /// <returns>Whether a signal has ended it; null if it could not be waited for.</returns>
    public static bool? Reap(SafeHandle process) => TryReap(process) is { } end ? !end.HasExited : null;

    /// <summary>Waits for a child that has ended, so that nothing is left of it.</summary>
    /// <returns>How it ended; null if it has not ended, or is not this process's child.</returns>
    internal static unsafe ProcessEnd? TryReap(SafeHandle process)
    {
        const int ByDescriptor = 3; // P_PIDFD
        const int CodeExited = 1; // CLD_EXITED
        const int EndedOrNot = 4 | 1; // WEXITED | WNOHANG
        const int Word = sizeof(int);

        // siginfo_t: 128 bytes; si_code is its third word, si_pid its fifth, si_status its seventh.
        byte* info = stackalloc byte[128];
        new Span<byte>(info, 128).Clear();
        using var fd = new BorrowedDescriptor(process);
        int result;
        do
        {
            result = waitid(ByDescriptor, (uint)(int)fd, info, EndedOrNot);
        }
        while (result < 0 && Marshal.GetLastPInvokeError() == EINTR);
        var (code, id, status) = (*(int*)(info + (2 * Word)), *(int*)(info + (4 * Word)), *(int*)(info + (6 * Word)));
        return result < 0 || id == 0 ? null : new ProcessEnd(HasExited: code == CodeExited, status);
    }

    [LibraryImport("libc", SetLastError = true)]
    private static partial int pidfd_open(int pid, uint flags);

    [LibraryImport("libc", SetLastError = true)]
    private static partial int pidfd_send_signal(int process, int signal, nint info, uint flags);

    [LibraryImport("libc", SetLastError = true)]
    private static unsafe partial int waitid(int kind, uint id, byte* info, int options);
}

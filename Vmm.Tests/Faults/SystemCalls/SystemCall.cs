namespace Vmm.Tests.Faults.SystemCalls;

/// <summary>A kind of system call.</summary>
/// <param name="Number">Its number on x86-64.</param>
/// <param name="Name">Its name.</param>
/// <param name="Errors">The names of the errors that it can answer with, one space between two; empty for one that cannot fail.</param>
internal sealed record SystemCall(int Number, string Name, string Errors)
{
    /// <summary>The names of its errors.</summary>
    internal IReadOnlyList<string> Errnos { get; } = Errors.Split(' ', StringSplitOptions.RemoveEmptyEntries);

    /// <summary>Whether it can wait for something, or for a device: then it can be late by seconds.</summary>
    internal bool CanBlock => Name is "read" or "write" or "open" or "openat" or "close" or "poll" or "ppoll" or "pread64" or "pwrite64" or "readv" or "writev"
        or "preadv" or "pwritev" or "fdatasync" or "madvise" or "io_uring_enter" or "sendmsg" or "sendto" or "recvfrom" or "recvmsg" or "connect"
        or "accept4" or "unlink" or "rename" or "ftruncate" or "fcntl" or "flock" or "ioctl" or "clock_nanosleep" or "nanosleep" or "epoll_wait" or "epoll_pwait" or "lseek" or "fstat" or "stat" or "statx" or "newfstatat";
}

// Which errors a system call can answer with: those that its man page names under ERRORS (man-pages 6; those of io_uring are liburing's), for
// the calls that the program makes. ManPageTests holds the table to the pages, ProgramCallsTests to what the program's sources can call; a
// call that is met in a run and has no line is a deviation of that run. A page that several calls share names some that the call cannot
// have: they are tried all the same. For ioctl the page leaves all but four to the device; the requests of KVM add what the kernel's
// virt/kvm/api names for them.

namespace Vmm.Tests.Faults.SystemCalls;

/// <summary>The system calls of x86-64 that the program makes, with their errors.</summary>
internal static class CallTable
{
    private const string Writing = "EAGAIN EBADF EDESTADDRREQ EDQUOT EFAULT EFBIG EINTR EINVAL EIO ENOSPC EPERM EPIPE";
    private const string Opening =
        "EACCES EBUSY EDQUOT EEXIST EFAULT EFBIG EINTR EINVAL EISDIR ELOOP EMFILE ENAMETOOLONG ENFILE ENODEV ENOENT ENOMEM ENOSPC ENOTDIR ENXIO "
        + "EOPNOTSUPP EOVERFLOW EPERM EROFS ETXTBSY EWOULDBLOCK EBADF";

    private const string Paths = "EACCES EBADF EFAULT EIO ELOOP ENAMETOOLONG ENOENT ENOMEM ENOTDIR";
    private const string Reading = "EAGAIN EBADF EFAULT EINTR EINVAL EIO EISDIR";
    private const string Sending =
        "EACCES EAGAIN EALREADY EBADF ECONNRESET EDESTADDRREQ EFAULT EINTR EINVAL EISCONN EMSGSIZE ENOBUFS ENOMEM ENOTCONN ENOTSOCK EOPNOTSUPP EPIPE";

    private const string Receiving = "EAGAIN EBADF ECONNREFUSED ECONNRESET EFAULT EINTR EINVAL ENOMEM ENOTCONN ENOTSOCK";
    private const string Renaming = Paths + " EBUSY EDQUOT EEXIST EINVAL EISDIR EMLINK ENOSPC EPERM EROFS EXDEV ENOTEMPTY";
    private const string Seeking = " ENXIO EOVERFLOW ESPIPE";
    private const string OtherMemory = "EFAULT EINVAL ENOMEM EPERM ESRCH";
    private const string Socket = "EBADF EFAULT EINVAL ENOBUFS ENOTSOCK";
    private const string KvmRun = "EFAULT EINVAL EIO ENOEXEC ENOMEM ENOSYS EPERM";

    private static readonly Dictionary<int, SystemCall> Calls = new SystemCall[]
    {
        new(0, "read", Reading),
        new(1, "write", Writing),
        new(2, "open", Opening),
        new(3, "close", "EBADF EINTR EIO ENOSPC EDQUOT"),
        new(4, "stat", Paths + " EINVAL EOVERFLOW"),
        new(5, "fstat", "EBADF EFAULT ENOMEM EOVERFLOW EACCES EINVAL ELOOP ENAMETOOLONG ENOENT ENOTDIR"),
        new(6, "lstat", Paths + " EINVAL EOVERFLOW"),
        new(7, "poll", "EFAULT EINTR EINVAL ENOMEM"),
        new(8, "lseek", "EBADF EINVAL ENXIO EOVERFLOW ESPIPE"),
        new(13, "rt_sigaction", "EFAULT EINVAL"),
        new(16, "ioctl", "EBADF EFAULT EINVAL ENOTTY"),
        new(17, "pread64", Reading + Seeking),
        new(18, "pwrite64", Writing + Seeking),
        new(19, "readv", Reading + " EOPNOTSUPP"),
        new(20, "writev", Writing + " EOPNOTSUPP"),
        new(21, "access", Paths + " EINVAL EPERM EROFS ETXTBSY"),
        new(24, "sched_yield", ""),
        new(25, "mremap", "EAGAIN EFAULT EINVAL ENOMEM"),
        new(27, "mincore", "EAGAIN EFAULT EINVAL ENOMEM"),
        new(28, "madvise", "EACCES EAGAIN EBADF EBUSY EFAULT EHWPOISON EINVAL EIO ENOMEM EPERM"),
        new(32, "dup", "EBADF EMFILE ENOMEM EBUSY EINTR EINVAL"),
        new(33, "dup2", "EBADF EBUSY EINTR EINVAL EMFILE ENOMEM"),
        new(35, "nanosleep", "EFAULT EINTR EINVAL"),
        new(39, "getpid", ""),
        new(41, "socket", "EACCES EAFNOSUPPORT EINVAL EMFILE ENFILE ENOBUFS ENOMEM EPROTONOSUPPORT"),
        new(42, "connect", "EACCES EPERM EADDRINUSE EADDRNOTAVAIL EAFNOSUPPORT EAGAIN EALREADY EBADF ECONNREFUSED EFAULT EINPROGRESS EINTR EISCONN "
            + "ENETUNREACH ENOTSOCK EPROTOTYPE ETIMEDOUT"),
        new(44, "sendto", Sending),
        new(45, "recvfrom", Receiving),
        new(46, "sendmsg", Sending),
        new(47, "recvmsg", Receiving),
        new(48, "shutdown", "EBADF EINVAL ENOTCONN ENOTSOCK"),
        new(49, "bind", "EACCES EADDRINUSE EBADF EINVAL ENOTSOCK EADDRNOTAVAIL EFAULT ELOOP ENAMETOOLONG ENOENT ENOMEM ENOTDIR EROFS"),
        new(50, "listen", "EADDRINUSE EBADF ENOTSOCK EOPNOTSUPP"),
        new(51, "getsockname", Socket),
        new(52, "getpeername", Socket + " ENOTCONN"),
        new(53, "socketpair", "EAFNOSUPPORT EFAULT EMFILE ENFILE EOPNOTSUPP EPROTONOSUPPORT"),
        new(54, "setsockopt", "EBADF EFAULT EINVAL ENOPROTOOPT ENOTSOCK"),
        new(55, "getsockopt", "EBADF EFAULT EINVAL ENOPROTOOPT ENOTSOCK"),
        new(59, "execve", "E2BIG EACCES EAGAIN EFAULT EINVAL EIO EISDIR ELIBBAD ELOOP EMFILE ENAMETOOLONG ENFILE ENOENT ENOEXEC ENOMEM ENOTDIR EPERM ETXTBSY"),
        new(61, "wait4", "EAGAIN ECHILD EINTR EINVAL ESRCH"),
        new(62, "kill", "EINVAL EPERM ESRCH"),
        new(72, "fcntl", "EACCES EAGAIN EBADF EBUSY EDEADLK EFAULT EINTR EINVAL EMFILE ENOLCK EPERM ENOTDIR"),
        new(73, "flock", "EBADF EINTR EINVAL ENOLCK EWOULDBLOCK"),
        new(75, "fdatasync", "EBADF EDQUOT EINTR EINVAL EIO ENOSPC EROFS"),
        new(77, "ftruncate", "EINTR EINVAL EFBIG EIO EBADF EPERM EROFS ETXTBSY EACCES EFAULT EISDIR ELOOP ENAMETOOLONG ENOENT ENOTDIR"),
        new(79, "getcwd", "EACCES EFAULT EINVAL ENAMETOOLONG ENOENT ENOMEM ERANGE"),
        new(82, "rename", Renaming),
        new(87, "unlink", Paths + " EBUSY EISDIR EPERM EROFS EINVAL"),
        new(89, "readlink", Paths + " EINVAL"),
        new(90, "chmod", Paths + " EPERM EROFS EINVAL ENOTSUP"),
        new(98, "getrusage", "EFAULT EINVAL"),
        new(99, "sysinfo", "EFAULT"),
        new(102, "getuid", ""),
        new(104, "getgid", ""),
        new(107, "geteuid", ""),
        new(108, "getegid", ""),
        new(110, "getppid", ""),
        new(111, "getpgrp", "EACCES EINVAL EPERM ESRCH"),
        new(112, "setsid", "EPERM"),
        new(131, "sigaltstack", "EFAULT EINVAL ENOMEM EPERM"),
        new(137, "statfs", Paths + " EINTR ENOSYS EOVERFLOW"),
        new(138, "fstatfs", "EBADF EFAULT EINTR EIO ENOMEM ENOSYS EOVERFLOW EACCES ELOOP ENAMETOOLONG ENOENT ENOTDIR"),
        new(142, "sched_setparam", "EINVAL EPERM ESRCH"),
        new(143, "sched_getparam", "EINVAL ESRCH EPERM"),
        new(144, "sched_setscheduler", "EINVAL EPERM ESRCH"),
        new(145, "sched_getscheduler", "EINVAL ESRCH EPERM"),
        new(157, "prctl", "EACCES EBADF EBUSY EFAULT EINVAL ENODEV ENXIO EOPNOTSUPP EPERM ERANGE"),
        new(158, "arch_prctl", "EFAULT EINVAL ENODEV EPERM"),
        new(186, "gettid", ""),
        new(200, "tkill", "EAGAIN EINVAL EPERM ESRCH"),
        new(203, "sched_setaffinity", "EFAULT EINVAL EPERM ESRCH"),
        new(204, "sched_getaffinity", "EFAULT EINVAL ESRCH EPERM"),
        new(213, "epoll_create", "EINVAL EMFILE ENFILE ENOMEM"),
        new(217, "getdents64", "EBADF EFAULT EINVAL ENOENT ENOTDIR"),
        new(218, "set_tid_address", ""),
        new(219, "restart_syscall", "EINTR"),
        new(228, "clock_gettime", "EFAULT EINVAL EACCES ENODEV ENOTSUP EPERM"),
        new(230, "clock_nanosleep", "EFAULT EINTR EINVAL ENOTSUP"),
        new(232, "epoll_wait", "EBADF EFAULT EINTR EINVAL"),
        new(233, "epoll_ctl", "EBADF EEXIST EINVAL ELOOP ENOENT ENOMEM ENOSPC EPERM"),
        new(234, "tgkill", "EAGAIN EINVAL EPERM ESRCH"),
        new(237, "mbind", "EFAULT EINVAL EIO ENOMEM EPERM"),
        new(238, "set_mempolicy", "EFAULT EINVAL ENOMEM"),
        new(239, "get_mempolicy", "EFAULT EINVAL"),
        new(247, "waitid", "EAGAIN ECHILD EINTR EINVAL ESRCH"),
        new(257, "openat", Opening),
        new(262, "newfstatat", Paths + " EINVAL EOVERFLOW"),
        new(263, "unlinkat", Paths + " EBUSY EINVAL EISDIR EPERM EROFS"),
        new(267, "readlinkat", Paths + " EINVAL"),
        new(268, "fchmodat", Paths + " EINVAL EPERM EROFS ENOTSUP"),
        new(269, "faccessat", Paths + " EINVAL EPERM EROFS ETXTBSY"),
        new(270, "pselect6", "EBADF EINTR EINVAL ENOMEM"),
        new(271, "ppoll", "EFAULT EINTR EINVAL ENOMEM"),
        new(273, "set_robust_list", "EINVAL EFAULT EPERM ESRCH"),
        new(281, "epoll_pwait", "EBADF EFAULT EINTR EINVAL"),
        new(283, "timerfd_create", "EINVAL EMFILE ENFILE ENODEV ENOMEM EPERM EBADF ECANCELED EFAULT"),
        new(284, "eventfd", "EINVAL EMFILE ENFILE ENODEV ENOMEM"),
        new(285, "fallocate", "EBADF EFBIG EINTR EINVAL EIO ENODEV ENOSPC ENOSYS EOPNOTSUPP EPERM ESPIPE ETXTBSY"),
        new(286, "timerfd_settime", "EBADF ECANCELED EFAULT EINVAL EPERM EMFILE ENFILE ENODEV ENOMEM"),
        new(288, "accept4", "EAGAIN EBADF ECONNABORTED EFAULT EINTR EINVAL EMFILE ENFILE ENOBUFS ENOMEM ENOSR ENOTSOCK EOPNOTSUPP EPERM EPROTO "
            + "EPROTONOSUPPORT ESOCKTNOSUPPORT ETIMEDOUT"),
        new(289, "signalfd4", "EBADF EINVAL EMFILE ENFILE ENODEV ENOMEM"),
        new(290, "eventfd2", "EINVAL EMFILE ENFILE ENODEV ENOMEM"),
        new(291, "epoll_create1", "EINVAL EMFILE ENFILE ENOMEM"),
        new(292, "dup3", "EBADF EBUSY EINTR EINVAL EMFILE"),
        new(293, "pipe2", "EFAULT EINVAL EMFILE ENFILE ENOPKG"),
        new(295, "preadv", Reading + Seeking + " EOPNOTSUPP"),
        new(296, "pwritev", Writing + Seeking + " EOPNOTSUPP"),
        new(302, "prlimit64", "EFAULT EINVAL EPERM ESRCH"),
        new(309, "getcpu", "EFAULT"),
        new(310, "process_vm_readv", OtherMemory),
        new(311, "process_vm_writev", OtherMemory),
        new(314, "sched_setattr", "E2BIG EBUSY EINVAL EPERM ESRCH"),
        new(315, "sched_getattr", "E2BIG EBUSY EINVAL EPERM ESRCH"),
        new(316, "renameat2", Renaming),
        new(318, "getrandom", "EAGAIN EFAULT EINTR EINVAL ENOSYS"),
        new(319, "memfd_create", "EFAULT EINVAL EMFILE ENFILE ENOMEM EPERM"),
        new(332, "statx", Paths + " EINVAL"),
        // Its errors are left out: the C library ends a process whose new thread cannot register it, so it is as much a part of clone as of rseq.
        new(334, "rseq", ""),
        new(424, "pidfd_send_signal", "EBADF EINVAL EPERM ESRCH"),
        new(425, "io_uring_setup", "EFAULT EINVAL EMFILE ENFILE ENOMEM ENOSYS EPERM"),
        new(426, "io_uring_enter", "EAGAIN EBADF EBADFD EBADR EBUSY EFAULT EINTR EINVAL ENXIO EOPNOTSUPP"),
        new(427, "io_uring_register", "EACCES EBADF EBADFD EBUSY EFAULT EINVAL EMFILE ENOMEM ENXIO EOPNOTSUPP"),
        new(434, "pidfd_open", "EINVAL EMFILE ENFILE ENODEV ENOMEM ESRCH"),
        new(436, "close_range", "EINVAL EMFILE ENOMEM"),
        new(439, "faccessat2", Paths + " EINVAL EPERM EROFS ETXTBSY"),
        new(449, "futex_waitv", "EAGAIN EFAULT EINTR EINVAL ENOMEM ETIMEDOUT"),
    }.ToDictionary(c => c.Number);

    /// <summary>All calls of the table.</summary>
    internal static IEnumerable<SystemCall> All => Calls.Values;

    /// <summary>
    /// What is never struck: the end of a process or a thread, what signals and locks are made of, the language runtime's and the C library's own memory and threads.
    /// </summary>
    internal static IReadOnlyDictionary<int, string> Excluded { get; } = new Dictionary<int, string>
    {
        [9] = "mmap",
        [10] = "mprotect",
        [11] = "munmap",
        [12] = "brk",
        [14] = "rt_sigprocmask",
        [15] = "rt_sigreturn",
        [56] = "clone",
        [60] = "exit",
        [202] = "futex",
        [231] = "exit_group",
        [324] = "membarrier",
        [435] = "clone3",
    };

    /// <summary>What KVM_RUN fails with when the vCPU cannot continue; EINTR and EAGAIN mean that it can.</summary>
    internal static IReadOnlyList<string> KvmRunErrors { get; } = KvmRun.Split(' ');

    /// <summary>Whether a call has a line.</summary>
    internal static bool Has(int number) => Calls.ContainsKey(number);

    /// <summary>The call of a number.</summary>
    /// <exception cref="InvalidOperationException">The table does not have it yet.</exception>
    internal static SystemCall Of(int number) => Calls.TryGetValue(number, out var call)
        ? call
        : throw new InvalidOperationException($"the program makes system call {number}: give it its line, with the errors of its man page, in {nameof(CallTable)}");
}

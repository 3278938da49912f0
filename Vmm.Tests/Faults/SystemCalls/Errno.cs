namespace Vmm.Tests.Faults.SystemCalls;

/// <summary>The numbers of errors, as Linux on x86-64 has them.</summary>
internal static class Errno
{
    private static readonly Dictionary<string, int> Numbers = new(StringComparer.Ordinal)
    {
        ["EPERM"] = 1, ["ENOENT"] = 2, ["ESRCH"] = 3, ["EINTR"] = 4, ["EIO"] = 5, ["ENXIO"] = 6, ["ENOEXEC"] = 8, ["EBADF"] = 9, ["EAGAIN"] = 11,
        ["EWOULDBLOCK"] = 11, ["ENOMEM"] = 12, ["EACCES"] = 13, ["EFAULT"] = 14, ["EBUSY"] = 16, ["EEXIST"] = 17, ["EXDEV"] = 18, ["ENODEV"] = 19,
        ["ENOTDIR"] = 20, ["EISDIR"] = 21, ["EINVAL"] = 22, ["ENFILE"] = 23, ["EMFILE"] = 24, ["ENOTTY"] = 25, ["ETXTBSY"] = 26, ["EFBIG"] = 27,
        ["ENOSPC"] = 28, ["ESPIPE"] = 29, ["EROFS"] = 30, ["EMLINK"] = 31, ["EPIPE"] = 32, ["ERANGE"] = 34, ["EDEADLK"] = 35, ["ENAMETOOLONG"] = 36,
        ["ENOLCK"] = 37, ["ENOSYS"] = 38, ["ELOOP"] = 40, ["EPROTO"] = 71, ["EOVERFLOW"] = 75, ["ENOTSOCK"] = 88, ["EDESTADDRREQ"] = 89,
        ["EMSGSIZE"] = 90, ["EPROTOTYPE"] = 91, ["ENOPROTOOPT"] = 92, ["EPROTONOSUPPORT"] = 93, ["EOPNOTSUPP"] = 95, ["ENOTSUP"] = 95,
        ["EAFNOSUPPORT"] = 97, ["EADDRINUSE"] = 98, ["EADDRNOTAVAIL"] = 99, ["ECONNABORTED"] = 103, ["ECONNRESET"] = 104, ["ENOBUFS"] = 105,
        ["EISCONN"] = 106, ["ENOTCONN"] = 107, ["ETIMEDOUT"] = 110, ["ECONNREFUSED"] = 111, ["EALREADY"] = 114, ["EDQUOT"] = 122, ["ECANCELED"] = 125,
    };

    /// <summary>The number of an error.</summary>
    internal static int Of(string name) => Numbers[name];
}

// Unix stream sockets with descriptors on board.
//
// SCM_RIGHTS attaches descriptors to a byte of the stream: the kernel never merges data beyond such a byte into one
// receive, so descriptors arrive in order, but a message may take several receives. A receiver that gives the kernel too
// little room loses descriptors (MSG_CTRUNC); that is an error here, and what did arrive is closed.

using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;
using Tmds.Linux;
using static Tmds.Linux.LibC;

namespace Vmm.Core.Native;

internal static partial class Posix
{
    /// <summary>The most descriptors that one message may carry (the kernel's SCM_MAX_FD).</summary>
    internal const int MostDescriptors = 253;

    /// <summary>The error of a receive whose peer closed with bytes left unread.</summary>
    internal static readonly int ConnectionReset = ECONNRESET;

    /// <summary>The error of a send whose peer has closed.</summary>
    internal static readonly int BrokenPipe = EPIPE;

    private const int PathCapacity = 108;

    private static int _movedAside;

    /// <summary>The bytes before a control message's data. The binding's CMSG_LEN rounds up, and a rounded length is one descriptor too many.</summary>
    private const int ControlHeader = 16;

    /// <summary>Creates a unix stream socket, non-blocking and close-on-exec.</summary>
    internal static SafeFileHandle CreateUnixSocket() =>
        Own(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0), "socket");

    /// <summary>Connects to a listening socket; a unix socket connects at once or fails.</summary>
    /// <exception cref="PosixException">EAGAIN means that the listener's backlog is full.</exception>
    internal static unsafe void Connect(SafeHandle handle, string path)
    {
        var address = UnixAddress(path, out int length);
        using var fd = new Borrowed(handle);
        while (connect(fd, (sockaddr*)&address, length) < 0)
        {
            if (errno != EINTR)
            {
                throw new PosixException($"connect to '{path}'", errno);
            }
        }
    }

    /// <summary>Binds a socket to a path that does not exist and listens.</summary>
    internal static void Listen(SafeHandle handle, string path, int backlog)
    {
        if (!TryListen(handle, path, backlog))
        {
            throw new PosixException($"bind '{path}'", EADDRINUSE);
        }
    }

    /// <summary>Binds a socket to a path and listens.</summary>
    /// <returns>False if something has the name already, be it a socket or not.</returns>
    internal static unsafe bool TryListen(SafeHandle handle, string path, int backlog)
    {
        var address = UnixAddress(path, out int length);
        using var fd = new Borrowed(handle);
        if (bind(fd, (sockaddr*)&address, length) < 0)
        {
            return errno == EADDRINUSE ? false : throw new PosixException($"bind '{path}'", errno);
        }

        Check(listen(fd, backlog), $"listen on '{path}'");
        return true;
    }

    /// <summary>
    /// What the kernel says of the socket at <paramref name="path"/>. Asking leaves no trace there: the question is put with the wrong
    /// socket type, which the kernel refuses differently for a live socket (EPROTOTYPE) and for a path left behind (ECONNREFUSED).
    /// </summary>
    internal static SocketHolder HolderOfSocket(string path)
    {
        int error = AskSocketAt(path);
        return error == 0 || error == EPROTOTYPE ? SocketHolder.Process
            : error == ECONNREFUSED ? SocketHolder.None
            : error == ENOENT || error == ENOTDIR ? SocketHolder.NoSocket
            : SocketHolder.Unknown;
    }

    /// <summary>Whether a process has the socket at <paramref name="path"/> open.</summary>
    internal static bool HasLiveListener(string path) => HolderOfSocket(path) == SocketHolder.Process;

    /// <summary>Whether no process has the socket at <paramref name="path"/> open, and the kernel says so.</summary>
    internal static bool IsDeadSocket(string path) => HolderOfSocket(path) == SocketHolder.None;

    private static unsafe int AskSocketAt(string path)
    {
        // Non-blocking, or the queue of a datagram socket could be waited for.
        using var probe = Own(socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0), "socket");
        var address = UnixAddress(path, out int length);
        using var fd = new Borrowed(probe);
        return connect(fd, (sockaddr*)&address, length) < 0 ? errno : 0;
    }

    /// <summary>
    /// Takes away the name of a socket that no process holds any more, and nothing else: the name is moved aside first, and what was moved then
    /// turns out to be what it was taken for, or is put back.
    /// </summary>
    /// <returns>False if something else, or nothing, has the name now.</returns>
    internal static unsafe bool TryRemoveDeadSocket(string path)
    {
        const uint NoReplace = 1; // RENAME_NOREPLACE
        string name = Path.GetFileName(path);
        string aside = $".vmm-{Environment.ProcessId}-{Interlocked.Increment(ref _movedAside)}.dead";
        using var directory = OpenDirectoryOf(path, OnlyAsPath);
        using var fd = new Borrowed(directory);
        fixed (byte* from = CString(name), to = CString(aside))
        {
            if (NativeMethods.RenameAt(fd, from, fd, to, NoReplace) < 0)
            {
                int error = Marshal.GetLastPInvokeError();
                return error == ENOENT ? false : throw new PosixException($"move '{path}' aside", error);
            }

            // By the directory's descriptor, because its path with another name may be too long for an address.
            bool isDead = StatName(directory, aside) is { IsSocket: true } && IsDeadSocket($"/proc/self/fd/{(int)fd}/{aside}");
            if (isDead)
            {
                CheckLast(NativeMethods.UnlinkAt(fd, to, 0), $"unlink '{path}'");
            }
            else
            {
                CheckLast(NativeMethods.RenameAt(fd, to, fd, from, NoReplace), $"put '{path}' back");
            }

            return isDead;
        }
    }

    /// <summary>
    /// Whether a listening socket was shut down, by this or another process that has it: it accepts no client any more. Accepting does not say
    /// so: a socket that does not wait finds no client, while it is always reported as ready.
    /// </summary>
    internal static bool IsShutDown(SafeHandle listener) => (PollNow(listener, FdEvents.ReadEnd) & (FdEvents.ReadEnd | FdEvents.HangUp)) != 0;

    /// <summary>Accepts a connection, non-blocking and close-on-exec; null when none is waiting.</summary>
    internal static unsafe SafeFileHandle? Accept(SafeHandle listener)
    {
        using var fd = new Borrowed(listener);
        while (true)
        {
            int accepted = accept4(fd, null, null, SOCK_CLOEXEC | SOCK_NONBLOCK);
            if (accepted >= 0)
            {
                return new SafeFileHandle(accepted, ownsHandle: true);
            }

            if (errno == EAGAIN || errno == ECONNABORTED)
            {
                return null;
            }

            if (errno != EINTR)
            {
                throw new PosixException("accept", errno);
            }
        }
    }

    /// <summary>Whether a descriptor is a listening socket.</summary>
    internal static bool IsListening(SafeHandle handle) => TryGetOption(handle, SO_ACCEPTCONN, out int value) && value != 0;

    /// <summary>Who made the connection at the other end.</summary>
    internal static unsafe (int ProcessId, uint UserId) PeerOf(SafeHandle handle)
    {
        var credentials = default(ucred);
        socklen_t length = sizeof(ucred);
        using var fd = new Borrowed(handle);
        Check(getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &credentials, &length), "SO_PEERCRED");
        return ((int)credentials.pid, (uint)credentials.uid);
    }

    /// <summary>Sends bytes and, on the first of them, descriptors. The count may be short; the descriptors went if any byte did.</summary>
    /// <returns>Bytes sent, or <see cref="WouldBlock"/>.</returns>
    internal static unsafe int Send(SafeHandle handle, ReadOnlySpan<byte> bytes, ReadOnlySpan<int> descriptors)
    {
        if (bytes.IsEmpty || descriptors.Length > MostDescriptors)
        {
            throw new ArgumentException($"a message carries at least one byte and at most {MostDescriptors} descriptors");
        }

        // Room for 253 descriptors and one header; small enough for the stack.
        byte* control = stackalloc byte[CMSG_SPACE(MostDescriptors * sizeof(int))];
        using var fd = new Borrowed(handle);
        fixed (byte* data = bytes)
        {
            var part = new iovec { iov_base = data, iov_len = bytes.Length };
            var message = new msghdr { msg_iov = &part, msg_iovlen = 1 };
            if (!descriptors.IsEmpty)
            {
                message.msg_control = control;
                message.msg_controllen = CMSG_SPACE(descriptors.Length * sizeof(int));
                var header = CMSG_FIRSTHDR(&message);
                header->cmsg_level = SOL_SOCKET;
                header->cmsg_type = SCM_RIGHTS;
                header->cmsg_len = ControlHeader + (descriptors.Length * sizeof(int));
                descriptors.CopyTo(new Span<int>(CMSG_DATA(header), descriptors.Length));
            }

            int moved;
            while (!Settle((nint)sendmsg(fd, &message, MSG_NOSIGNAL | MSG_DONTWAIT), "sendmsg", out moved))
            {
            }

            return moved;
        }
    }

    /// <summary>Receives bytes and whatever descriptors came with them, close-on-exec, in order of arrival.</summary>
    /// <param name="handle">A socket.</param>
    /// <param name="bytes">Receives the bytes.</param>
    /// <param name="descriptors">The descriptors are added here and belong to the caller.</param>
    /// <returns>Bytes received, 0 at the end, or <see cref="WouldBlock"/>.</returns>
    /// <exception cref="IOException">The peer sent more descriptors in one message than any honest one; all are closed.</exception>
    internal static unsafe int Receive(SafeHandle handle, Span<byte> bytes, ICollection<SafeFileHandle> descriptors)
    {
        int capacity = CMSG_SPACE(MostDescriptors * sizeof(int));
        byte* control = stackalloc byte[capacity];
        using var fd = new Borrowed(handle);
        fixed (byte* data = bytes)
        {
            var part = new iovec { iov_base = data, iov_len = bytes.Length };
            msghdr message;
            int moved;
            do
            {
                // The header is in and out: the kernel writes lengths and flags into it.
                message = new msghdr { msg_iov = &part, msg_iovlen = 1, msg_control = control, msg_controllen = capacity };
            }
            while (!Settle((nint)recvmsg(fd, &message, MSG_CMSG_CLOEXEC | MSG_DONTWAIT), "recvmsg", out moved));

            if (moved == WouldBlock)
            {
                return WouldBlock;
            }

            bool truncated = (message.msg_flags & MSG_CTRUNC) != 0;
            TakeDescriptors(&message, truncated ? null : descriptors);
            return truncated
                ? throw new IOException("the peer sent more descriptors than a message may carry, or this process may open no more")
                : moved;
        }
    }

    /// <summary>Wraps every received descriptor in a handle; with nowhere to put them, closes them.</summary>
    private static unsafe void TakeDescriptors(msghdr* message, ICollection<SafeFileHandle>? descriptors)
    {
        for (var header = CMSG_FIRSTHDR(message); header != null; header = CMSG_NXTHDR(message, header))
        {
            if (header->cmsg_level != SOL_SOCKET || header->cmsg_type != SCM_RIGHTS)
            {
                continue;
            }

            int count = ((int)header->cmsg_len - ControlHeader) / sizeof(int);
            foreach (int fd in new ReadOnlySpan<int>(CMSG_DATA(header), count))
            {
                var owned = new SafeFileHandle(fd, ownsHandle: true);
                if (descriptors is null)
                {
                    owned.Dispose();
                }
                else
                {
                    descriptors.Add(owned);
                }
            }
        }
    }

    private static unsafe bool TryGetOption(SafeHandle handle, int option, out int value)
    {
        int got = 0;
        socklen_t length = sizeof(int);
        using var fd = new Borrowed(handle);
        bool ok = getsockopt(fd, SOL_SOCKET, option, &got, &length) == 0;
        value = got;
        return ok;
    }

    private static unsafe sockaddr_un UnixAddress(string path, out int length)
    {
        byte[] bytes = CString(path);
        if (bytes.Length > PathCapacity || bytes.Length == 1)
        {
            throw new ArgumentException($"UNIX socket path '{path}' has {bytes.Length - 1} bytes, 1 to {PathCapacity - 1} are possible");
        }

        var address = default(sockaddr_un);
        address.sun_family = AF_UNIX;
        bytes.CopyTo(new Span<byte>(address.sun_path, PathCapacity));
        length = sizeof(ushort) + bytes.Length;
        return address;
    }
}

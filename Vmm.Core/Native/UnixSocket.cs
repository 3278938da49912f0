using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;
using Tmds.Linux;
using static Tmds.Linux.LibC;
using static Vmm.Core.Native.NativeCall;

namespace Vmm.Core.Native;

/// <summary>Unix sockets: names, clients, and messages with descriptors.</summary>
public static class UnixSocket
{
    /// <summary>The most descriptors that one message may carry (the kernel's SCM_MAX_FD).</summary>
    public const int MostDescriptors = 253;

    private const int PathCapacity = 108;
    private static int _movedAside;

    /// <summary>The bytes before a control message's data. The binding's CMSG_LEN rounds up, and a rounded length is one descriptor too many.</summary>
    private const int ControlHeader = 16;

    /// <summary>Creates a unix stream socket, non-blocking and close-on-exec.</summary>
    public static SafeFileHandle Create() =>
        Own(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0), "socket");

    /// <summary>Two connected unix stream sockets, non-blocking and close-on-exec.</summary>
    public static unsafe (SafeFileHandle One, SafeFileHandle Other) CreatePair()
    {
        int* ends = stackalloc int[2];
        Check(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends), "socketpair");
        return (new SafeFileHandle(ends[0], ownsHandle: true), new SafeFileHandle(ends[1], ownsHandle: true));
    }

    /// <summary>Connects to a listening socket; a unix socket connects at once or fails.</summary>
    /// <exception cref="PosixException">EAGAIN means that the listener's backlog is full.</exception>
    public static unsafe void Connect(SafeHandle handle, string path)
    {
        var address = AddressOf(path, out int length);
        using var fd = new BorrowedDescriptor(handle);
        while (connect(fd, (sockaddr*)&address, length) < 0)
        {
            if (LastError != EINTR)
            {
                throw new PosixException($"connect to '{path}'", LastError);
            }
        }
    }

    /// <summary>A socket that is connected to a listening one.</summary>
    /// <exception cref="PosixException">There is none, or its backlog is full.</exception>
    public static SafeFileHandle ConnectTo(string path)
    {
        var socket = Create();
        try
        {
            Connect(socket, path);
            return socket;
        }
        catch
        {
            socket.Dispose();
            throw;
        }
    }

    /// <summary>Binds a socket to a path that does not exist and listens.</summary>
    public static void Listen(SafeHandle handle, string path, int backlog)
    {
        if (!TryListen(handle, path, backlog))
        {
            throw new PosixException($"bind '{path}'", EADDRINUSE);
        }
    }

    /// <summary>Binds a socket to a path and listens.</summary>
    /// <returns>False if something has the name already, whether it is a socket or not.</returns>
    internal static unsafe bool TryListen(SafeHandle handle, string path, int backlog)
    {
        var address = AddressOf(path, out int length);
        using var fd = new BorrowedDescriptor(handle);
        if (bind(fd, (sockaddr*)&address, length) < 0)
        {
            return LastError == EADDRINUSE ? false : throw new PosixException($"bind '{path}'", LastError);
        }

        Check(listen(fd, backlog), $"listen on '{path}'");
        return true;
    }

    /// <summary>Binds a socket to a name in the abstract name space and listens.</summary>
    /// <returns>False if another socket has the name.</returns>
    internal static unsafe bool TryListenAbstract(SafeHandle handle, string name, bool tight, int backlog)
    {
        var address = AbstractAddressOf(name, tight, out int length);
        using var fd = new BorrowedDescriptor(handle);
        if (bind(fd, (sockaddr*)&address, length) < 0)
        {
            return LastError == EADDRINUSE ? false : throw new PosixException($"bind the abstract name '{name}'", LastError);
        }

        Check(listen(fd, backlog), $"listen on the abstract name '{name}'");
        return true;
    }

    /// <summary>A socket that is connected to one that listens at a name in the abstract name space.</summary>
    internal static unsafe SafeFileHandle ConnectToAbstract(string name, bool tight)
    {
        var socket = Create();
        try
        {
            var address = AbstractAddressOf(name, tight, out int length);
            using var fd = new BorrowedDescriptor(socket);
            while (connect(fd, (sockaddr*)&address, length) < 0)
            {
                if (LastError != EINTR)
                {
                    throw new PosixException($"connect to the abstract name '{name}'", LastError);
                }
            }

            return socket;
        }
        catch
        {
            socket.Dispose();
            throw;
        }
    }

    /// <summary>
    /// What the kernel says of the socket at <paramref name="path"/>. Asking leaves no trace there: the question is put with the wrong
    /// socket type, which the kernel refuses differently for a live socket (EPROTOTYPE) and for a path left behind (ECONNREFUSED).
    /// </summary>
    internal static SocketHolder HolderOf(string path)
    {
        int error = AskAt(path);
        return error == 0 || error == EPROTOTYPE ? SocketHolder.Process
            : error == ECONNREFUSED ? SocketHolder.None
            : error == ENOENT || error == ENOTDIR ? SocketHolder.NoSocket
            : SocketHolder.Unknown;
    }

    /// <summary>Whether a process has the socket at <paramref name="path"/> open.</summary>
    internal static bool HasLiveListener(string path) => HolderOf(path) == SocketHolder.Process;

    /// <summary>Whether no process has the socket at <paramref name="path"/> open, and the kernel says so.</summary>
    internal static bool IsDead(string path) => HolderOf(path) == SocketHolder.None;

    /// <summary>
    /// Takes away the name of a socket that no process holds any more, and nothing else: the name is moved aside first, and what was moved then
    /// turns out to be what it was taken for, or is put back.
    /// </summary>
    /// <returns>False if something else, or nothing, has the name now.</returns>
    internal static unsafe bool TryRemoveDead(string path)
    {
        const uint NoReplace = 1; // RENAME_NOREPLACE
        string name = Path.GetFileName(path);
        string aside = $".vmm-{Environment.ProcessId}-{Interlocked.Increment(ref _movedAside)}.dead";
        using var directory = OutputFile.OpenDirectoryOf(path, OutputFile.OnlyAsPath);
        using var fd = new BorrowedDescriptor(directory);
        fixed (byte* from = CString(name), to = CString(aside))
        {
            if (NativeMethods.RenameAt(fd, from, fd, to, NoReplace) < 0)
            {
                int error = Marshal.GetLastPInvokeError();
                return error == ENOENT ? false : throw new PosixException($"move '{path}' aside", error);
            }

            // By the directory's descriptor, because its path with another name may be too long for an address.
            bool isDead = HostFile.StatName(directory, aside) is { IsSocket: true } && IsDead($"/proc/self/fd/{(int)fd}/{aside}");
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

    /// <summary>Who made the connection at the other end.</summary>
    public static unsafe (int ProcessId, uint UserId) PeerOf(SafeHandle handle)
    {
        var credentials = default(ucred);
        socklen_t length = sizeof(ucred);
        using var fd = new BorrowedDescriptor(handle);
        Check(getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &credentials, &length), "SO_PEERCRED");
        return ((int)credentials.pid, (uint)credentials.uid);
    }

    /// <summary>Sends bytes and, on the first of them, descriptors. The count may be short; the descriptors went if any byte did.</summary>
    /// <returns>Bytes sent, or <see cref="FileDescriptor.WouldBlock"/>.</returns>
    public static unsafe int Send(SafeHandle handle, ReadOnlySpan<byte> bytes, ReadOnlySpan<int> descriptors)
    {
        if (bytes.IsEmpty || descriptors.Length > MostDescriptors)
        {
            throw new ArgumentException($"a message carries at least one byte and at most {MostDescriptors} descriptors");
        }

        // Room for 253 descriptors and one header; small enough for the stack.
        byte* control = stackalloc byte[CMSG_SPACE(MostDescriptors * sizeof(int))];
        using var fd = new BorrowedDescriptor(handle);
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
    /// <returns>Bytes received, 0 at the end, or <see cref="FileDescriptor.WouldBlock"/>.</returns>
    /// <exception cref="IOException">The peer sent more descriptors in one message than any honest one; all are closed.</exception>
    public static unsafe int Receive(SafeHandle handle, Span<byte> bytes, ICollection<SafeFileHandle> descriptors)
    {
        int capacity = CMSG_SPACE(MostDescriptors * sizeof(int));
        byte* control = stackalloc byte[capacity];
        using var fd = new BorrowedDescriptor(handle);
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

            if (moved == FileDescriptor.WouldBlock)
            {
                return FileDescriptor.WouldBlock;
            }

            bool truncated = (message.msg_flags & MSG_CTRUNC) != 0;
            TakeDescriptors(&message, truncated ? null : descriptors);
            return truncated
                ? throw new IOException("the peer sent more descriptors than a message may carry, or this process may open no more")
                : moved;
        }
    }

    /// <summary>The path that a unix socket is bound to; null if it is bound to none.</summary>
    public static unsafe string? BoundPath(SafeHandle handle)
    {
        var address = default(sockaddr_un);
        socklen_t length = sizeof(sockaddr_un);
        using var fd = new BorrowedDescriptor(handle);
        Check(getsockname(fd, (sockaddr*)&address, &length), "getsockname");
        var bytes = new ReadOnlySpan<byte>(address.sun_path, PathCapacity)[..Math.Clamp((int)length - sizeof(ushort), 0, PathCapacity)];
        int end = bytes.IndexOf((byte)0);
        string path = System.Text.Encoding.UTF8.GetString(end < 0 ? bytes : bytes[..end]);
        return path.Length == 0 ? null : path;
    }

    private static unsafe int AskAt(string path)
    {
        // Non-blocking, or the queue of a datagram socket could be waited for.
        using var probe = Own(socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0), "socket");
        var address = AddressOf(path, out int length);
        using var fd = new BorrowedDescriptor(probe);
        return connect(fd, (sockaddr*)&address, length) < 0 ? LastError : 0;
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

    /// <summary>A zero byte, the name, and unless it is tight zero bytes to the end.</summary>
    internal static unsafe sockaddr_un AbstractAddressOf(string name, bool tight, out int length)
    {
        byte[] bytes = System.Text.Encoding.UTF8.GetBytes(name);
        if (bytes.Length is 0 or >= PathCapacity)
        {
            throw new ArgumentException($"abstract socket name '{name}' has {bytes.Length} bytes, 1 to {PathCapacity - 1} are possible");
        }

        var address = default(sockaddr_un);
        address.sun_family = AF_UNIX;
        bytes.CopyTo(new Span<byte>(address.sun_path + 1, PathCapacity - 1));
        length = tight ? sizeof(ushort) + 1 + bytes.Length : sizeof(sockaddr_un);
        return address;
    }

    internal static unsafe sockaddr_un AddressOf(string path, out int length)
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

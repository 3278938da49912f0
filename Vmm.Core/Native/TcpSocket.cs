using System.Net;
using System.Net.Sockets;
using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;
using Tmds.Linux;
using static Tmds.Linux.LibC;
using static Vmm.Core.Native.NativeCall;

namespace Vmm.Core.Native;

/// <summary>TCP sockets. They carry neither descriptors nor credentials; otherwise they are the stream sockets that unix ones are.</summary>
public static class TcpSocket
{
    /// <summary>The error of a place that another socket has.</summary>
    internal static readonly int AddressInUse = EADDRINUSE;

    /// <summary>The error of a peer that does not answer.</summary>
    internal static readonly int TimedOut = ETIMEDOUT;

    /// <summary>Creates a TCP socket, non-blocking and close-on-exec.</summary>
    /// <param name="family">IPv4 or IPv6.</param>
    /// <param name="noDelay">Whether it sends small pieces at once.</param>
    public static SafeFileHandle Create(AddressFamily family, bool noDelay = true)
    {
        int domain = family == AddressFamily.InterNetworkV6 ? AF_INET6 : AF_INET;
        var handle = Own(socket(domain, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0), "socket");
        try
        {
            SetNoDelay(handle, noDelay);
            return handle;
        }
        catch
        {
            handle.Dispose();
            throw;
        }
    }

    /// <summary>Sets whether small pieces are sent at once.</summary>
    public static void SetNoDelay(SafeHandle handle, bool noDelay) => HostSocket.SetOption(handle, IPPROTO_TCP, TCP_NODELAY, noDelay ? 1 : 0, "TCP_NODELAY");

    /// <summary>Begins to connect; the socket is writable when that is over, and <see cref="HostSocket.ErrorOf"/> says how it went.</summary>
    public static unsafe void BeginConnect(SafeHandle handle, IPEndPoint target)
    {
        var address = target.Serialize();
        using var fd = new BorrowedDescriptor(handle);

        // Pinned for the call; on Linux the buffer holds a sockaddr of that size.
        fixed (byte* p = address.Buffer.Span)
        {
            if (connect(fd, (Tmds.Linux.sockaddr*)p, address.Size) < 0 && LastError is var error && error != EINPROGRESS && error != EINTR)
            {
                throw new PosixException($"connect to {target}", error);
            }
        }
    }

    /// <summary>Binds a TCP socket and listens. One of all IPv6 addresses takes IPv4 clients, too.</summary>
    public static unsafe void Listen(SafeHandle handle, IPEndPoint at, int backlog)
    {
        HostSocket.SetOption(handle, SOL_SOCKET, SO_REUSEADDR, 1, "SO_REUSEADDR");
        if (at.AddressFamily == AddressFamily.InterNetworkV6)
        {
            HostSocket.SetOption(handle, IPPROTO_IPV6, IPV6_V6ONLY, 0, "IPV6_V6ONLY");
        }

        var address = at.Serialize();
        using var fd = new BorrowedDescriptor(handle);

        // As in BeginConnect.
        fixed (byte* p = address.Buffer.Span)
        {
            Check(bind(fd, (Tmds.Linux.sockaddr*)p, address.Size), $"bind {at}");
        }

        Check(listen(fd, backlog), $"listen on {at}");
    }

    /// <summary>Both ends of a connection; null if it has ended, or is none.</summary>
    internal static unsafe (IPEndPoint Local, IPEndPoint Remote)? EndsOf(SafeHandle handle)
    {
        var address = new SocketAddress(AddressFamily.InterNetworkV6, HostSocket.AddressSpace);
        Tmds.Linux.socklen_t length = HostSocket.AddressSpace;
        using var fd = new BorrowedDescriptor(handle);

        // As in BoundTo.
        fixed (byte* p = address.Buffer.Span)
        {
            if (!HostSocket.IsStream(handle) || HostSocket.IsUnix(handle) || getpeername(fd, (Tmds.Linux.sockaddr*)p, &length) < 0)
            {
                return null;
            }
        }

        return (BoundTo(handle), EndPointOf(address, (int)length));
    }

    /// <summary>Where a TCP socket is bound; the kernel chose what was left open.</summary>
    public static unsafe IPEndPoint BoundTo(SafeHandle handle)
    {
        var address = new SocketAddress(AddressFamily.InterNetworkV6, HostSocket.AddressSpace);
        Tmds.Linux.socklen_t length = HostSocket.AddressSpace;
        using var fd = new BorrowedDescriptor(handle);

        // The buffer has room for any address; the kernel writes no more than the length that it is given.
        fixed (byte* p = address.Buffer.Span)
        {
            Check(getsockname(fd, (Tmds.Linux.sockaddr*)p, &length), "getsockname");
        }

        return EndPointOf(address, (int)length);
    }

    private static IPEndPoint EndPointOf(SocketAddress address, int size)
    {
        address.Size = size;
        return (IPEndPoint)new IPEndPoint(address.Family == AddressFamily.InterNetwork ? IPAddress.Any : IPAddress.IPv6Any, 0).Create(address);
    }
}

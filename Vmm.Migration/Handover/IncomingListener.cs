// Where a waiting process hears from the old one: the cpr socket, and the main channel's socket.
//
// The cpr socket serves whoever connects, because a stray client must not end the update: each gets a greeting and a
// deadline, and the first that delivers a whole plan is the one; the others are told that the process is taken. A path
// that was bound here is unlinked when it is no longer needed; an inherited socket is only closed.

using System.Globalization;
using System.Net;
using Microsoft.Win32.SafeHandles;
using Vmm.Core.Loop;
using Vmm.Core.Native;
using Vmm.Migration.Channels;

namespace Vmm.Migration.Handover;

/// <summary>A listening socket on the machine loop. Loop thread only.</summary>
internal sealed class IncomingListener : IDisposable
{
    private const int Backlog = 8;

    private static readonly TimeSpan RetryAfter = TimeSpan.FromMilliseconds(100);

    private readonly EventLoop _loop;
    private readonly SafeFileHandle _socket;
    private readonly string? _boundPath;
    private readonly Action<SafeFileHandle> _accepted;
    private readonly FdWatch _watch;
    private readonly IDisposable? _owedRemoval;
    private bool _closed;

    private IncomingListener(EventLoop loop, SafeFileHandle socket, string? boundPath, Action<SafeFileHandle> accepted)
    {
        _loop = loop;
        _socket = socket;
        _boundPath = boundPath;
        _accepted = accepted;
        _watch = loop.Watch(socket, FdEvents.In, _ => AcceptPending());
        _owedRemoval = boundPath is null ? null : ForcedEnd.Owe(() => File.Delete(boundPath));
    }

    /// <summary>Where it listens, with the port that the kernel chose, if it was left to it.</summary>
    internal required ChannelAddress Address { get; init; }

    /// <summary>Listens at an address.</summary>
    /// <param name="loop">The machine loop.</param>
    /// <param name="address">A unix path, a TCP address, or the number of an inherited listening socket.</param>
    /// <param name="accepted">Called with each connection, which then belongs to the callee.</param>
    /// <exception cref="HandoverException">The address cannot be listened on.</exception>
    internal static IncomingListener Open(EventLoop loop, ChannelAddress address, Action<SafeFileHandle> accepted)
    {
        switch (address)
        {
            case UnixAddress unix:
                return new IncomingListener(loop, Bind(unix.Path), unix.Path, accepted) { Address = address };
            case InetAddress inet:
                var socket = Bind(inet);
                string port = Posix.BoundTo(socket).Port.ToString(CultureInfo.InvariantCulture);
                return new IncomingListener(loop, socket, null, accepted) { Address = inet with { Port = port } };
            case DescriptorAddress descriptor:
                return new IncomingListener(loop, Inherited(descriptor.NameOrNumber), null, accepted) { Address = address };
            default:
                throw new HandoverException($"cpr-transfer requires a unix channel, '{address}' is none");
        }
    }

    /// <summary>Accepts whoever is waiting.</summary>
    internal void AcceptPending()
    {
        try
        {
            while (!_closed && Posix.Accept(_socket) is { } connection)
            {
                _accepted(connection);
            }
        }
        catch (PosixException)
        {
            // Out of descriptors or memory: whoever waits stays in the backlog and is asked for again in a while.
            _watch.Events = FdEvents.None;
            _loop.After(RetryAfter, WatchAgain);
        }
    }

    /// <summary>Ends listening; a path that was bound here is unlinked.</summary>
    public void Dispose()
    {
        if (_closed)
        {
            return;
        }

        _closed = true;
        _watch.Dispose();
        _socket.Dispose();
        if (_boundPath is not null)
        {
            File.Delete(_boundPath);
            _owedRemoval?.Dispose();
        }
    }

    private static SafeFileHandle Bind(string path)
    {
        var socket = Posix.CreateUnixSocket();
        try
        {
            if (Posix.HasLiveListener(path))
            {
                throw new HandoverException($"Failed to bind socket to {path}: another process listens there");
            }

            // What is left there belongs to nobody any more.
            if (File.Exists(path))
            {
                File.Delete(path);
            }

            Posix.Listen(socket, path, Backlog);
            return socket;
        }
        catch (Exception e)
        {
            socket.Dispose();
            throw e as HandoverException ?? new HandoverException($"Failed to bind socket to {path}: {(e as PosixException)?.Reason ?? e.Message}", e);
        }
    }

    private static SafeFileHandle Bind(InetAddress address)
    {
        try
        {
            var places = InetEndPoints.ToListen(address);
            return places.SkipLast(1).Select(TryBind).FirstOrDefault(socket => socket is not null) ?? Bind(places[^1]);
        }
        catch (Exception e) when (e is PosixException or ChannelAddressException)
        {
            throw new HandoverException($"Failed to bind socket to {address}: {(e as PosixException)?.Reason ?? e.Message}", e);
        }
    }

    private static SafeFileHandle? TryBind(IPEndPoint place)
    {
        try
        {
            return Bind(place);
        }
        catch (PosixException)
        {
            // A host without IPv6, say; if no other place will do either, that one's error is told.
            return null;
        }
    }

    private static SafeFileHandle Bind(IPEndPoint place)
    {
        var socket = Posix.CreateTcpSocket(place.AddressFamily);
        try
        {
            Posix.Listen(socket, place, Backlog);
            return socket;
        }
        catch
        {
            socket.Dispose();
            throw;
        }
    }

    private static SafeFileHandle Inherited(string number)
    {
        if (!int.TryParse(number, out int fd) || fd < 0)
        {
            throw new HandoverException($"fd:{number}: the number of an inherited listening socket was expected");
        }

        var socket = new SafeFileHandle(fd, ownsHandle: true);
        if (!Posix.IsListening(socket))
        {
            socket.SetHandleAsInvalid();
            throw new HandoverException($"fd:{number} is no listening socket");
        }

        Posix.MakePrivate(socket);
        return socket;
    }

    private void WatchAgain()
    {
        if (!_closed)
        {
            _watch.Events = FdEvents.In;
        }
    }
}

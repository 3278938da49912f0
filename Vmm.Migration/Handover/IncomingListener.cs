// Where a process that waits for a guest accepts the old one: the cpr socket, and the main channel's socket.
//
// The cpr socket serves every client that connects, because a stray client must not end the update: each gets a greeting and a
// deadline, and the first that delivers a whole plan is the one; the others are refused because the process is taken. A path
// that was bound here is unlinked when it is no longer needed, if it still is this socket's; an inherited socket is only closed.

using System.Globalization;
using System.Net;
using Microsoft.Extensions.Logging;
using Microsoft.Win32.SafeHandles;
using Vmm.Core.Chardevs;
using Vmm.Core.Loop;
using Vmm.Core.Native;
using Vmm.Migration.Channels;

namespace Vmm.Migration.Handover;

/// <summary>A listening socket on the machine loop. Loop thread only.</summary>
internal sealed partial class IncomingListener : IDisposable
{
    private const int Backlog = 8;

    private static readonly TimeSpan RetryAfter = TimeSpan.FromMilliseconds(100);

    private readonly EventLoop _loop;
    private readonly SafeFileHandle _socket;
    private readonly SocketName? _name;
    private readonly ILogger _log;
    private readonly Action<SafeFileHandle> _accepted;
    private readonly FdWatch _watch;
    private readonly IDisposable? _removal;
    private bool _closed;

    private IncomingListener(EventLoop loop, SafeFileHandle socket, SocketName? name, ILogger log, Action<SafeFileHandle> accepted)
    {
        _loop = loop;
        _socket = socket;
        _name = name;
        _log = log;
        _accepted = accepted;
        _watch = loop.Watch(socket, FdEvents.In, _ => AcceptPending());
        _removal = name is null ? null : ForcedEnd.Register(name.Remove);
    }

    /// <summary>Where it listens, with the port that the kernel chose, if it was left to it.</summary>
    internal required ChannelAddress Address { get; init; }

    /// <summary>Listens at an address.</summary>
    /// <param name="loop">The machine loop.</param>
    /// <param name="address">A unix path, a TCP address, or the number of an inherited listening socket.</param>
    /// <param name="log">Where a path that cannot be unlinked is reported.</param>
    /// <param name="accepted">Called with each connection, which then belongs to the callee.</param>
    /// <param name="unixOnly">Whether an inherited socket must be a unix one.</param>
    /// <exception cref="HandoverException">The address cannot be listened on.</exception>
    internal static IncomingListener Open(
        EventLoop loop, ChannelAddress address, ILogger log, Action<SafeFileHandle> accepted, bool unixOnly = false)
    {
        switch (address)
        {
            case UnixAddress unix:
                return new IncomingListener(loop, Bind(unix.Path, out var name), name, log, accepted) { Address = address };
            case InetAddress inet:
                var socket = Bind(inet);
                string port = TcpSocket.BoundTo(socket).Port.ToString(CultureInfo.InvariantCulture);
                return new IncomingListener(loop, socket, null, log, accepted) { Address = inet with { Port = port } };
            case DescriptorAddress descriptor:
                return new IncomingListener(loop, Inherited(descriptor.NameOrNumber, unixOnly), null, log, accepted) { Address = address };
            default:
                throw new HandoverException($"cpr-transfer requires a unix channel, '{address}' is none");
        }
    }

    /// <summary>Listens at a socket that listens already, and then belongs to the listener.</summary>
    /// <param name="loop">The machine loop.</param>
    /// <param name="address">What it was reached by.</param>
    /// <param name="socket">The socket, which no other process uses.</param>
    /// <param name="log">Where it is reported that no client can come any more.</param>
    /// <param name="accepted">Called with each connection, which then belongs to the callee.</param>
    internal static IncomingListener On(
        EventLoop loop, ChannelAddress address, SafeFileHandle socket, ILogger log, Action<SafeFileHandle> accepted) =>
        new(loop, socket, null, log, accepted) { Address = address };

    /// <summary>Accepts the clients that wait; of very many the rest in the loop's next turn.</summary>
    internal void AcceptPending()
    {
        try
        {
            for (int accepted = 0; accepted < ProtocolLimits.AcceptsInTurn && !_closed && HostSocket.Accept(_socket) is { } connection; accepted++)
            {
                _accepted(connection);
            }

            if (!_closed && HostSocket.IsShutDown(_socket))
            {
                // Shut down by another process that has it: no client will come, and the socket would be reported as ready indefinitely.
                _watch.Dispose();
                LogShutDown(_log, Address);
            }
        }
        catch (PosixException)
        {
            // Out of descriptors or memory: a client that waits stays in the backlog and is accepted in a while.
            _watch.Events = FdEvents.None;
            _loop.After(RetryAfter, WatchAgain);
        }
    }

    /// <summary>Ends listening; a path that was bound here is unlinked, and one that cannot be is reported and left.</summary>
    public void Dispose()
    {
        if (_closed)
        {
            return;
        }

        _closed = true;
        _watch.Dispose();
        RemoveName();
        _socket.Dispose();
    }

    /// <summary>While the socket is held: then no process replaces it.</summary>
    private void RemoveName()
    {
        try
        {
            _name?.Remove();
            _removal?.Dispose();
        }
        catch (IOException e)
        {
            LogNotRemoved(_log, e.Message);
        }
    }

    private static SafeFileHandle Bind(string path, out SocketName? name)
    {
        try
        {
            return SocketName.TryListen(path, Backlog, out name)
                ?? throw new HandoverException($"Failed to bind socket to {path}: another process listens there");
        }
        catch (PosixException e)
        {
            throw new HandoverException($"Failed to bind socket to {path}: {e.Reason}", e);
        }
        catch (Exception e) when (e is IOException or ArgumentException)
        {
            throw new HandoverException(e.Message, e);
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
            // A host without IPv6, say; if no other place will do either, that one's error is reported.
            return null;
        }
    }

    private static SafeFileHandle Bind(IPEndPoint place)
    {
        var socket = TcpSocket.Create(place.AddressFamily);
        try
        {
            TcpSocket.Listen(socket, place, Backlog);
            return socket;
        }
        catch
        {
            socket.Dispose();
            throw;
        }
    }

    private static SafeFileHandle Inherited(string number, bool unixOnly)
    {
        if (!int.TryParse(number, NumberStyles.None, CultureInfo.InvariantCulture, out int fd))
        {
            throw new HandoverException($"fd:{number}: the number of an inherited listening socket was expected");
        }

        var socket = new SafeFileHandle(fd, ownsHandle: true);
        if (StreamSockets.WhyNotListening(socket, unixOnly) is { } problem)
        {
            socket.SetHandleAsInvalid();
            throw new HandoverException($"fd:{number}: a listening {(unixOnly ? "unix " : "")}stream socket was expected; {problem}");
        }

        try
        {
            FileDescriptor.MakePrivate(socket);
            return socket;
        }
        catch (PosixException e)
        {
            socket.Dispose();
            throw new HandoverException($"fd:{number}: {e.Message}", e);
        }
    }

    private void WatchAgain()
    {
        if (!_closed)
        {
            _watch.Events = FdEvents.In;
        }
    }

    [LoggerMessage(Level = LogLevel.Warning, Message = "live update: a socket's name is left behind: {Reason}")]
    private static partial void LogNotRemoved(ILogger log, string reason);

    [LoggerMessage(Level = LogLevel.Error, Message = "live update: no client can connect to {Address} any more: another process shut the socket down")]
    private static partial void LogShutDown(ILogger log, ChannelAddress address);
}

// Network back ends between the schema's form, netdev_add's, and that of -netdev.

using System.Globalization;
using Vmm.Core.Backends.Net;
using Vmm.Core.Configuration;
using Vmm.Core.Configuration.Netdevs;
using Vmm.Qmp.Schema;

namespace Vmm.Qmp.Commands;

/// <summary>Network back ends as netdev_add describes them.</summary>
internal static class NetdevBackends
{
    /// <summary>Reads a back end. Descriptors that getfd named are still names, that of a stream is taken later (<see cref="NameOfSocket"/>).</summary>
    /// <exception cref="NetException">It asks for what is not supported.</exception>
    internal static NetdevOptions FromQapi(Netdev netdev) => netdev switch
    {
        NetdevTap { Data.Helper: not null } => throw new NetException(TapOptions.NoBridgeProgram("helper")),
        NetdevTap { Data.Br: not null } => throw new NetException(TapOptions.NoBridgeProgram("br")),
        NetdevTap tap => new TapOptions(tap.Id)
        {
            InterfaceName = tap.Data.Ifname,
            Descriptor = tap.Data.Fd,
            Descriptors = tap.Data.Fds,
            Script = tap.Data.Script,
            DownScript = tap.Data.Downscript,
            VnetHeader = tap.Data.VnetHdr,
            SendBuffer = tap.Data.Sndbuf,
            Queues = tap.Data.Queues,
            Vhost = tap.Data.Vhost,
        },
        NetdevStream stream => new StreamOptions(stream.Id, ReadAddress(stream.Id, stream.Data.Addr))
        {
            Server = stream.Data.Server ?? false,
            Reconnect = stream.Data.Reconnect,
            ReconnectMilliseconds = stream.Data.ReconnectMs,
        },
        NetdevUser user => new UserOptions(user.Id)
        {
            Restrict = user.Data.Restrict,
            Ipv4 = user.Data.Ipv4,
            Ipv6 = user.Data.Ipv6,
            Network = user.Data.Net,
            Host = user.Data.Host,
            DhcpStart = user.Data.Dhcpstart,
            Dns = user.Data.Dns,
            Ipv6Dns = user.Data.Ipv6Dns,
            DnsSearch = Texts(user.Data.Dnssearch),
            HostForwards = Texts(user.Data.Hostfwd),
        },
        _ => throw new InvalidOperationException($"the schema has a back end that is unknown here: {netdev.GetType().Name}"),
    };

    /// <summary>The name, given to getfd, of the socket that a back end is to have; null if it has none.</summary>
    internal static string? NameOfSocket(Netdev netdev) => netdev is NetdevStream { Data.Addr: SocketAddressFd fd } ? fd.Data.Str : null;

    /// <summary>The same back end as netdev_add describes it.</summary>
    /// <exception cref="NetException">That cannot describe it.</exception>
    internal static Netdev ToQapi(NetdevOptions netdev) => netdev switch
    {
        TapOptions tap => new NetdevTap
        {
            Id = tap.Id,
            Data = new()
            {
                Ifname = tap.InterfaceName,
                Fd = tap.Descriptor,
                Fds = tap.Descriptors,
                Script = tap.Script,
                Downscript = tap.DownScript,
                VnetHdr = tap.VnetHeader,
                Sndbuf = tap.SendBuffer,
                Queues = (uint?)tap.Queues,
                Vhost = tap.Vhost,
            },
        },
        StreamOptions stream => new NetdevStream
        {
            Id = stream.Id,
            Data = new()
            {
                Addr = WriteAddress(stream.Address),
                Server = stream.Server,
                Reconnect = stream.Reconnect,
                ReconnectMs = stream.ReconnectMilliseconds,
            },
        },
        UserOptions user => new NetdevUser
        {
            Id = user.Id,
            Data = new()
            {
                Restrict = user.Restrict,
                Ipv4 = user.Ipv4,
                Ipv6 = user.Ipv6,
                Net = user.Network,
                Host = user.Host,
                Dhcpstart = user.DhcpStart,
                Dns = user.Dns,
                Ipv6Dns = user.Ipv6Dns,
                Dnssearch = Strings(user.DnsSearch),
                Hostfwd = Strings(user.HostForwards),
            },
        },
        _ => throw new InvalidOperationException($"a back end that the schema does not have: {netdev.Kind}"),
    };

    private static IReadOnlyList<string> Texts(IReadOnlyList<Schema.String>? strings) => [.. (strings ?? []).Select(text => text.Str)];

    private static IReadOnlyList<Schema.String>? Strings(IReadOnlyList<string> texts) => texts.Count == 0 ? null : [.. texts.Select(text => new Schema.String { Str = text })];

    private static SocketChardevConfiguration ReadAddress(string id, SocketAddress address)
    {
        var socket = new SocketChardevConfiguration(id);
        return address switch
        {
            SocketAddressUnix { Data: var unix } => socket with { Path = unix.Path, Abstract = unix.Abstract ?? false, Tight = unix.Tight ?? true },
            SocketAddressInet { Data.KeepAlive: true } => throw new NetException("'keep-alive' is not supported: expected false"),
            SocketAddressInet { Data: var inet } => socket with
            {
                Host = inet.Host,
                Port = StreamOptions.ReadPort(inet.Port),
                LastPort = inet.To ?? 0,
                Ipv4 = inet.Ipv4,
                Ipv6 = inet.Ipv6,
            },
            SocketAddressFd => socket with { Descriptor = 0 },
            _ => throw new NetException("vsock is not supported: expected unix, inet or fd"),
        };
    }

    private static SocketAddress WriteAddress(SocketChardevConfiguration socket) => socket switch
    {
        { Descriptor: not null } => throw new NetException("addr.type=fd is not supported here: expected unix or inet, or netdev_add in QMP after getfd"),
        { Host: { } host } => new SocketAddressInet
        {
            Data = new()
            {
                Host = host,
                Port = socket.Port.ToString(CultureInfo.InvariantCulture),
                To = socket.LastPort > 0 ? (ushort)socket.LastPort : null,
                Ipv4 = socket.Ipv4,
                Ipv6 = socket.Ipv6,
            },
        },
        _ => new SocketAddressUnix { Data = new() { Path = socket.Path!, Abstract = socket.Abstract, Tight = socket.Tight } },
    };
}

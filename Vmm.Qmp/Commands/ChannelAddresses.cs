using Vmm.Migration.Channels;
using Vmm.Qmp.Schema;

namespace Vmm.Qmp.Commands;

/// <summary>Channel addresses between the schema's form and the migrations'.</summary>
internal static class ChannelAddresses
{
    internal static ChannelAddress FromQapi(MigrationAddress address) => address switch
    {
        MigrationAddressSocket { Data: SocketAddressUnix { Data.Abstract: true } } =>
            throw new ChannelAddressException("abstract unix socket addresses are not supported: a path was expected"),
        MigrationAddressSocket { Data: SocketAddressUnix unix } => new UnixAddress(unix.Data.Path),
        MigrationAddressSocket { Data: SocketAddressFd fd } => new DescriptorAddress(fd.Data.Str),
        MigrationAddressSocket { Data: SocketAddressInet { Data: { To: not null } or { Ipv4: not null } or { Ipv6: not null } or { KeepAlive: true } } } =>
            throw new ChannelAddressException("'to', 'ipv4', 'ipv6' and 'keep-alive' are not supported: a host and a port were expected"),
        MigrationAddressSocket { Data: SocketAddressInet inet } => new InetAddress(inet.Data.Host, inet.Data.Port),
        MigrationAddressSocket { Data: SocketAddressVsock vsock } => new VsockAddress(vsock.Data.Cid, vsock.Data.Port),
        MigrationAddressFile file => new FileAddress(file.Data.Filename, file.Data.Offset),
        MigrationAddressExec exec => new ExecAddress(exec.Data.Args),
        MigrationAddressRdma rdma => new RdmaAddress(rdma.Data.Host, rdma.Data.Port),
        _ => throw new InvalidOperationException($"the schema has an address that is unknown here: {address.GetType().Name}"),
    };

    internal static IReadOnlyList<SocketAddress>? ToQapi(ChannelAddress address) => address switch
    {
        UnixAddress unix => [new SocketAddressUnix { Data = new UnixSocketAddress { Path = unix.Path } }],
        InetAddress inet => [new SocketAddressInet { Data = new InetSocketAddress { Host = inet.Host, Port = inet.Port } }],
        DescriptorAddress fd => [new SocketAddressFd { Data = new FdSocketAddress { Str = fd.NameOrNumber } }],
        _ => null,
    };
}

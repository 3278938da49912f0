using Vmm.Migration.Channels;
using Vmm.Qmp.Schema;

namespace Vmm.Qmp.Commands;

/// <summary>Channel addresses between the schema's form and the migrations'.</summary>
internal static class ChannelAddresses
{
    internal static ChannelAddress FromQapi(MigrationAddress address) => address switch
    {
        MigrationAddressSocket { Data: SocketAddressUnix unix } => new UnixAddress(unix.Data.Path),
        MigrationAddressSocket { Data: SocketAddressFd fd } => new DescriptorAddress(fd.Data.Str),
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
        DescriptorAddress fd => [new SocketAddressFd { Data = new FdSocketAddress { Str = fd.NameOrNumber } }],
        _ => null,
    };
}

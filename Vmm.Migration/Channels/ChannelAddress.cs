// Where a migration stream goes to or comes from. A user writes it as a URI (unix:/run/vm.sock) or as a channel's address object
// ({"transport":"socket","type":"unix","path":…}); both mean one of the records below. An address only names a place:
// whether a migration can use it is for the mode to say.

namespace Vmm.Migration.Channels;

/// <summary>The address of one end of a migration stream; <see cref="object.ToString"/> gives the URI.</summary>
public abstract record ChannelAddress
{
    /// <summary>The transport as QAPI names it: socket, file, exec, rdma.</summary>
    public abstract string Transport { get; }

    /// <summary>
    /// Reads a migration URI: unix:PATH, fd:NAME-OR-NUMBER, tcp:HOST:PORT, vsock:CID:PORT, file:PATH[,offset=SIZE],
    /// exec:COMMAND (run by /bin/sh -c), rdma:HOST:PORT.
    /// </summary>
    /// <param name="uri">The URI.</param>
    /// <returns>The address.</returns>
    /// <exception cref="ChannelAddressException">No known scheme, or what follows the scheme does not fit it.</exception>
    public static ChannelAddress ParseUri(string uri)
    {
        ArgumentNullException.ThrowIfNull(uri);
        return ChannelUri.Parse(uri);
    }
}

/// <summary>A unix stream socket at a path.</summary>
/// <param name="Path">The path.</param>
public sealed record UnixAddress(string Path) : ChannelAddress
{
    /// <inheritdoc/>
    public override string Transport => "socket";

    /// <inheritdoc/>
    public override string ToString() => $"unix:{Path}";
}

/// <summary>A descriptor: one that getfd named, or an inherited one by number.</summary>
/// <param name="NameOrNumber">The name or the decimal number.</param>
public sealed record DescriptorAddress(string NameOrNumber) : ChannelAddress
{
    /// <inheritdoc/>
    public override string Transport => "socket";

    /// <inheritdoc/>
    public override string ToString() => $"fd:{NameOrNumber}";
}

/// <summary>A TCP socket.</summary>
/// <param name="Host">Name or address, an IPv6 address without brackets; empty listens on all addresses.</param>
/// <param name="Port">Port number or service name.</param>
public sealed record InetAddress(string Host, string Port) : ChannelAddress
{
    /// <inheritdoc/>
    public override string Transport => "socket";

    /// <inheritdoc/>
    public override string ToString() => $"tcp:{UriHost.Bracketed(Host)}:{Port}";
}

/// <summary>A VSOCK socket.</summary>
/// <param name="Cid">The context id.</param>
/// <param name="Port">The port.</param>
public sealed record VsockAddress(string Cid, string Port) : ChannelAddress
{
    /// <inheritdoc/>
    public override string Transport => "socket";

    /// <inheritdoc/>
    public override string ToString() => $"vsock:{Cid}:{Port}";
}

/// <summary>A file.</summary>
/// <param name="Path">Its path.</param>
/// <param name="Offset">Where in the file the stream begins, in bytes.</param>
public sealed record FileAddress(string Path, ulong Offset) : ChannelAddress
{
    /// <inheritdoc/>
    public override string Transport => "file";

    /// <inheritdoc/>
    public override string ToString() => Offset == 0 ? $"file:{Path}" : $"file:{Path},offset=0x{Offset:x}";
}

/// <summary>The standard input or output of a command.</summary>
/// <param name="Arguments">The program and its arguments.</param>
public sealed record ExecAddress(IReadOnlyList<string> Arguments) : ChannelAddress
{
    /// <inheritdoc/>
    public override string Transport => "exec";

    /// <inheritdoc/>
    public bool Equals(ExecAddress? other) => other is not null && Arguments.SequenceEqual(other.Arguments);

    /// <inheritdoc/>
    public override int GetHashCode() => Arguments.Aggregate(0, HashCode.Combine);

    /// <inheritdoc/>
    public override string ToString() => $"exec:{(Arguments is ["/bin/sh", "-c", var command] ? command : string.Join(' ', Arguments))}";
}

/// <summary>An RDMA end.</summary>
/// <param name="Host">Name or address.</param>
/// <param name="Port">Port number.</param>
public sealed record RdmaAddress(string Host, string Port) : ChannelAddress
{
    /// <inheritdoc/>
    public override string Transport => "rdma";

    /// <inheritdoc/>
    public override string ToString() => $"rdma:{UriHost.Bracketed(Host)}:{Port}";
}

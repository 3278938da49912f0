using Vmm.Core.Text;

namespace Vmm.Migration.Channels;

/// <summary>Reads an address that is written as a URI.</summary>
internal static class ChannelUri
{
    private const string OffsetOption = ",offset=";

    /// <summary>Reads a URI; <see cref="ChannelAddress.ParseUri"/> says which there are.</summary>
    /// <exception cref="ChannelAddressException">No known scheme, or what follows the scheme does not fit it.</exception>
    internal static ChannelAddress Parse(string uri)
    {
        var colon = uri.IndexOf(':', StringComparison.Ordinal);
        var rest = uri[(colon + 1)..];
        return (colon < 0 ? "" : uri[..colon]) switch
        {
            "unix" => new UnixAddress(NotEmpty(rest, "invalid Unix socket address")),
            "fd" => new DescriptorAddress(NotEmpty(rest, "invalid file descriptor address")),
            "tcp" => ParseInet(rest),
            "vsock" => ParseVsock(rest),
            "file" => ParseFile(rest),
            "exec" => new ExecAddress(["/bin/sh", "-c", NotEmpty(rest, "exec: needs a command")]),
            "rdma" => UriHost.Split(rest) is var (host, port)
                ? new RdmaAddress(host, port)
                : throw new ChannelAddressException($"error parsing rdma address '{rest}': expected HOST:PORT"),
            _ => throw new ChannelAddressException($"unknown migration protocol: {uri}"),
        };
    }

    private static InetAddress ParseInet(string rest)
    {
        if (rest.Contains(',', StringComparison.Ordinal))
        {
            throw new ChannelAddressException($"error parsing address '{rest}': options after HOST:PORT are not supported");
        }

        return UriHost.Split(rest) is var (host, port)
            ? new InetAddress(host, port)
            : throw new ChannelAddressException($"error parsing address '{rest}': expected HOST:PORT, or [IPV6]:PORT");
    }

    private static VsockAddress ParseVsock(string rest) =>
        rest.Split(':') is [var cid, var port] && IsNumber(cid) && IsNumber(port)
            ? new VsockAddress(cid, port)
            : throw new ChannelAddressException($"error parsing vsock address '{rest}': expected CID:PORT");

    private static FileAddress ParseFile(string rest)
    {
        var option = rest.IndexOf(OffsetOption, StringComparison.Ordinal);
        var path = NotEmpty(option < 0 ? rest : rest[..option], "file: needs a path");
        if (option < 0)
        {
            return new FileAddress(path, 0);
        }

        var text = rest[(option + OffsetOption.Length)..];
        return ByteSize.TryParse(text, ByteSize.Bytes, out var offset)
            ? new FileAddress(path, offset)
            : throw new ChannelAddressException($"file URI has bad offset {text}: expected a size in bytes, with or without a suffix k, M, G, T");
    }

    private static string NotEmpty(string text, string otherwise) =>
        text.Length > 0 ? text : throw new ChannelAddressException(otherwise);

    private static bool IsNumber(string text) => uint.TryParse(text, System.Globalization.NumberStyles.None, null, out _);
}

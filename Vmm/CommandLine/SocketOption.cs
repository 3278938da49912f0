// -chardev socket: where it is, by path=, host= and port=, or fd=; server= and wait=, or reconnect-ms=. What would need another protocol on the
// line (telnet, TLS, websocket) is refused by its name.

using System.Globalization;
using System.Net;
using System.Text;
using Vmm.Core.Chardevs;
using Vmm.Core.Configuration;

namespace Vmm.CommandLine;

/// <summary>Reads the options of a socket back end.</summary>
internal static class SocketOption
{
    private const string Expected = "expected path=, host= with port=, or fd=";
    private const int LongestName = 107;

    private static readonly string[] OtherProtocols = ["telnet", "tn3270", "websocket"];

    /// <summary>Reads a socket from a list of options.</summary>
    internal static SocketChardevConfiguration Read(string id, OptionList options)
    {
        RefuseOtherProtocols(options);
        var (path, host, port, descriptor) = (options.TakeText("path"), options.Take("host"), options.Take("port"), options.TakeNumber("fd", 0, int.MaxValue));
        if (new[] { path is not null, host is not null, descriptor is not null }.Count(given => given) != 1)
        {
            throw new CommandLineException(path is null && descriptor is null && host is null
                ? port is null ? $"chardev: socket: no address given: {Expected}" : $"chardev: socket: no host given: {Expected}"
                : $"None or one of 'path', 'fd' or 'host' option required: {Expected}");
        }

        var server = options.TakeSwitch("server") ?? false;
        var wait = options.TakeSwitch("wait");
        if (wait is not null && !server)
        {
            throw new CommandLineException("'wait' option is incompatible with socket in client connect mode");
        }

        var socket = new SocketChardevConfiguration(id)
        {
            Path = path,
            Descriptor = descriptor,
            Server = server,
            Wait = server && wait != false,
            ReconnectMilliseconds = ReadReconnect(options, server, descriptor is not null),
        };
        return path is not null ? WithPath(socket, options) : host is not null ? WithTcp(socket, host, port, options) : socket;
    }

    /// <summary>The options of HOST:PORT[,…], where HOST may be in brackets or empty.</summary>
    internal static OptionList ParseTcp(string text)
    {
        const string Address = "addr";
        var options = OptionList.ParseAfterValue(text, Address);
        string address = options.Take(Address)!;
        int colon = address.LastIndexOf(':');
        if (colon < 0)
        {
            throw new CommandLineException($"'{address}' is no TCP address: expected HOST:PORT or [IPV6]:PORT");
        }

        string host = address[..colon];
        return options.Append(OptionList.Of(("host", host is ['[', .. var inner, ']'] ? inner : host), ("port", address[(colon + 1)..])));
    }

    private static void RefuseOtherProtocols(OptionList options)
    {
        foreach (string protocol in OtherProtocols)
        {
            if (options.TakeSwitch(protocol) == true)
            {
                throw new CommandLineException($"chardev: socket: {protocol} is not supported: expected a plain socket, without {protocol}=on");
            }
        }

        if (options.Take("tls-creds") is not null || options.Take("tls-authz") is not null)
        {
            throw new CommandLineException("chardev: socket: TLS is not supported: expected a plain socket, without tls-creds and tls-authz");
        }
    }

    private static SocketChardevConfiguration WithPath(SocketChardevConfiguration socket, OptionList options)
    {
        bool isAbstract = options.TakeSwitch("abstract") ?? false;
        bool tight = options.TakeSwitch("tight") ?? true;
        int length = Encoding.UTF8.GetByteCount(socket.Path!);
        return !isAbstract || length <= LongestName
            ? socket with { Abstract = isAbstract, Tight = tight }
            : throw new CommandLineException($"Parameter 'path' expects a name of 1 to {LongestName} bytes with abstract=on, not {length} bytes");
    }

    private static SocketChardevConfiguration WithTcp(SocketChardevConfiguration socket, string host, string? port, OptionList options)
    {
        if (!int.TryParse(port ?? throw new CommandLineException("chardev: socket: no port given"), NumberStyles.None, CultureInfo.InvariantCulture, out int number)
            || number > IPEndPoint.MaxPort)
        {
            throw new CommandLineException($"Parameter 'port' expects a number from 0 to {IPEndPoint.MaxPort}, not '{port}'");
        }

        int? last = options.TakeNumber("to", number, IPEndPoint.MaxPort);
        var (ipv4, ipv6) = (options.TakeSwitch("ipv4"), options.TakeSwitch("ipv6"));
        if (TcpAddress.TryMake(host, number, ipv4, ipv6) is null)
        {
            throw new CommandLineException(
                $"Parameter 'host' expects an IP address or localhost, of the kind that ipv4 and ipv6 admit, not '{host}': names are not resolved");
        }

        return socket with
        {
            Host = host,
            Port = number,
            LastPort = socket.Server ? last ?? 0 : 0,
            Ipv4 = ipv4,
            Ipv6 = ipv6,
            NoDelay = options.TakeSwitch("nodelay") ?? !(options.TakeSwitch("delay") ?? true),
        };
    }

    private static long ReadReconnect(OptionList options, bool server, bool isDescriptor)
    {
        const int Millisecond = 1;
        const int Second = 1000;
        int? seconds = options.TakeNumber("reconnect", 0, int.MaxValue);
        int? milliseconds = options.TakeNumber("reconnect-ms", 0, int.MaxValue);
        var (name, given, unit) = seconds is not null ? ("reconnect", seconds, Second) : ("reconnect-ms", milliseconds, Millisecond);
        return seconds is not null && milliseconds is not null ? throw new CommandLineException("'reconnect' and 'reconnect-ms' are mutually exclusive")
            : given is null or 0 ? 0
            : server ? throw new CommandLineException($"'{name}' option is incompatible with socket in server listen mode")
            : isDescriptor ? throw new CommandLineException($"'{name}' option is incompatible with 'fd' address type")
            : (long)given * unit;
    }
}

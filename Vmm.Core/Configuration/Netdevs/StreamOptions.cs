using System.Globalization;
using System.Net;
using Vmm.Core.Backends.Net;
using Vmm.Core.Chardevs;

namespace Vmm.Core.Configuration.Netdevs;

/// <summary>A stream as it was asked for.</summary>
/// <param name="Id">Its id.</param>
/// <param name="Address">Where the socket is: exactly one of a path, a host with a port, and a descriptor; of the rest only what says more about that counts.</param>
public sealed record StreamOptions(string Id, SocketChardevConfiguration Address) : NetdevOptions(Id)
{
    private const long Second = 1000;

    /// <summary>server.</summary>
    public bool Server { get; init; }

    /// <summary>reconnect, in seconds.</summary>
    public long? Reconnect { get; init; }

    /// <summary>reconnect-ms.</summary>
    public long? ReconnectMilliseconds { get; init; }

    /// <inheritdoc/>
    public override string Kind => StreamNetdevConfiguration.Name;

    /// <inheritdoc/>
    protected override IEnumerable<(string Key, string? Value)> Keys =>
    [
        .. AddressKeys,
        ("server", Server ? "on" : null),
        ("reconnect", Number(Reconnect)),
        ("reconnect-ms", Number(ReconnectMilliseconds)),
    ];

    private IEnumerable<(string Key, string? Value)> AddressKeys => Address switch
    {
        { Descriptor: not null } => [("addr.type", "fd"), ("addr.str", "FD")],
        { Host: { } host } =>
        [
            ("addr.type", "inet"),
            ("addr.host", host),
            ("addr.port", Number(Address.Port)),
            ("addr.to", Address.LastPort > 0 ? Number(Address.LastPort) : null),
            ("addr.ipv4", Switch(Address.Ipv4)),
            ("addr.ipv6", Switch(Address.Ipv6)),
        ],
        _ => [("addr.type", "unix"), ("addr.path", Address.Path), ("addr.abstract", Address.Abstract ? "on" : null), ("addr.tight", Address.Tight ? null : "off")],
    };

    /// <inheritdoc/>
    public override NetdevConfiguration ToNetdev()
    {
        if (Reconnect is not null && ReconnectMilliseconds is not null)
        {
            throw new NetException("'reconnect' and 'reconnect-ms' are mutually exclusive");
        }

        if (Server && (Reconnect ?? ReconnectMilliseconds) is not null)
        {
            throw new NetException("'reconnect' and 'reconnect-ms' options are incompatible with socket in server mode");
        }

        if (Reconnect is < 0 or > int.MaxValue)
        {
            throw new NetException($"Parameter 'reconnect' expects 0 to {int.MaxValue}, not {Reconnect}");
        }

        // A guest waits for no client of its network, and a frame for no other to fill a segment. The id is not the address's to check.
        var socket = Address with
        {
            Id = StreamNetdevConfiguration.Name,
            Server = Server,
            Wait = false,
            NoDelay = true,
            LastPort = Server ? Address.LastPort : 0,
            ReconnectMilliseconds = ReconnectMilliseconds ?? ((Reconnect ?? 0) * Second),
        };
        return ChardevRules.Violation(socket) is { } violation
            ? throw new NetException(violation)
            : new StreamNetdevConfiguration(Id, new SocketChardevOptions
            {
                Path = socket.Path,
                Abstract = socket.Abstract,
                Tight = socket.Tight,
                Tcp = socket.Host is { } host ? TcpAddress.TryMake(host, socket.Port, socket.Ipv4, socket.Ipv6) : null,
                LastPort = socket.LastPort,
                NoDelay = socket.NoDelay,
                Descriptor = socket.Descriptor,
                Server = socket.Server,
                Reconnect = TimeSpan.FromMilliseconds(socket.ReconnectMilliseconds),
            });
    }

    /// <summary>A port as a key has it.</summary>
    /// <exception cref="NetException">It is none.</exception>
    public static int ReadPort(string text) =>
        int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out int port) && port <= IPEndPoint.MaxPort
            ? port
            : throw new NetException($"Parameter 'addr.port' expects a number from 0 to {IPEndPoint.MaxPort}, not '{text}'");

    private static string? Number(long? value) => value?.ToString(CultureInfo.InvariantCulture);
}

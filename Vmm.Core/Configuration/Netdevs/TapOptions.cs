// A tap: an interface of the host that this process opens (ifname), or one that another program opened and left to it (fd, fds). What is the other
// program's to decide cannot be given with a descriptor.
//
// As in QEMU a script brings the interface up once it is open, /etc/qemu-ifup unless another or "no" is given; where that file is not there, the back
// end cannot be opened.

using System.Globalization;
using System.Text;
using Vmm.Core.Backends.Net;

namespace Vmm.Core.Configuration.Netdevs;

/// <summary>A tap as it was asked for.</summary>
/// <param name="Id">Its id.</param>
public sealed record TapOptions(string Id) : NetdevOptions(Id)
{
    /// <summary>What is run once the interface is open, unless something else is said.</summary>
    public const string DefaultScript = "/etc/qemu-ifup";

    /// <summary>What is run before it is closed, unless something else is said.</summary>
    public const string DefaultDownScript = "/etc/qemu-ifdown";

    /// <summary>In place of a script: none.</summary>
    public const string NoScript = "no";

    /// <summary>The most pairs of queues of an interface: the kernel's limit.</summary>
    public const int MostQueues = 256;

    private const int LongestName = 15; // IFNAMSIZ without the zero at its end

    /// <summary>ifname.</summary>
    public string? InterfaceName { get; init; }

    /// <summary>fd.</summary>
    public string? Descriptor { get; init; }

    /// <summary>fds, separated by colons.</summary>
    public string? Descriptors { get; init; }

    /// <summary>script.</summary>
    public string? Script { get; init; }

    /// <summary>downscript.</summary>
    public string? DownScript { get; init; }

    /// <summary>vnet_hdr.</summary>
    public bool? VnetHeader { get; init; }

    /// <summary>sndbuf, in bytes.</summary>
    public ulong? SendBuffer { get; init; }

    /// <summary>queues.</summary>
    public long? Queues { get; init; }

    /// <summary>vhost: only off.</summary>
    public bool? Vhost { get; init; }

    /// <inheritdoc/>
    public override string Kind => TapNetdevConfiguration.Name;

    /// <inheritdoc/>
    protected override IEnumerable<(string Key, string? Value)> Keys =>
    [
        ("ifname", InterfaceName),
        ("fd", Descriptor is null ? null : "FD"),
        ("fds", Descriptors is null ? null : string.Join(':', Descriptors.Split(':').Select(static _ => "FD"))),
        ("script", Script),
        ("downscript", DownScript),
        ("vnet_hdr", Switch(VnetHeader)),
        ("sndbuf", SendBuffer?.ToString(CultureInfo.InvariantCulture)),
        ("queues", Queues?.ToString(CultureInfo.InvariantCulture)),
    ];

    /// <summary>Why a program that makes the interface, or its bridge, is refused.</summary>
    /// <param name="key">The key that asks for it.</param>
    public static string NoBridgeProgram(string key) =>
        $"{key}= is not supported: bridge helpers are not available: expected ifname=, or fd= of an interface that another program opened";

    /// <inheritdoc/>
    public override NetdevConfiguration ToNetdev()
    {
        if (Vhost == true)
        {
            throw new NetException("vhost=on is not supported: expected off, or no vhost=; frames pass through this process");
        }

        var tap = new TapNetdevConfiguration(Id) { VnetHeader = VnetHeader, SendBuffer = SendBuffer is 0 ? null : SendBuffer };
        bool isOpenedHere = InterfaceName is not null || Script is not null || DownScript is not null || VnetHeader is not null || Queues is not null;
        if (Descriptor is not null)
        {
            return isOpenedHere || Descriptors is not null
                ? throw new NetException("ifname=, script=, downscript=, vnet_hdr=, helper=, queues=, fds=, and vhostfds= are invalid with fd=")
                : tap with { Descriptors = [Descriptor] };
        }

        if (Descriptors is not null)
        {
            return isOpenedHere
                ? throw new NetException("ifname=, script=, downscript=, vnet_hdr=, helper=, queues=, and vhostfd= are invalid with fds=")
                : WithDescriptors(tap, Descriptors.Split(':'));
        }

        if (Queues is < 1 or > MostQueues)
        {
            throw new NetException($"Parameter 'queues' expects a number from 1 to {MostQueues}, not '{Queues}'");
        }

        return tap with
        {
            InterfaceName = NameOf(InterfaceName),
            Queues = (int)(Queues ?? 1),
            Script = ScriptOf("script", Script ?? DefaultScript),
            DownScript = ScriptOf("downscript", DownScript ?? DefaultDownScript),
        };
    }

    private static TapNetdevConfiguration WithDescriptors(TapNetdevConfiguration tap, string[] descriptors)
    {
        if (descriptors.Contains("") || descriptors.Length > MostQueues)
        {
            throw new NetException($"Parameter 'fds' expects 1 to {MostQueues} descriptors, separated by colons, not '{string.Join(':', descriptors)}'");
        }

        if (descriptors.Distinct(StringComparer.Ordinal).Count() < descriptors.Length)
        {
            throw new NetException($"Parameter 'fds' expects a descriptor for each queue, not one twice: '{string.Join(':', descriptors)}'");
        }

        return tap with { Descriptors = descriptors, Queues = descriptors.Length };
    }

    /// <summary>The name of the interface; null lets the kernel choose one.</summary>
    private static string? NameOf(string? name)
    {
        if (string.IsNullOrEmpty(name))
        {
            return null;
        }

        return Encoding.UTF8.GetByteCount(name) <= LongestName && !name.Any(static c => char.IsWhiteSpace(c) || c is '/' or '\0' or ':') && name is not ("." or "..")
            ? name
            : throw new NetException($"Parameter 'ifname' expects the name of an interface, at most {LongestName} bytes, not '{name}'");
    }

    private static string? ScriptOf(string key, string path) => path is "" or NoScript ? null
        : path.Contains('\0', StringComparison.Ordinal) ? throw new NetException($"Parameter '{key}' expects a path without zero bytes")
        : path;
}

// -netdev: TYPE,id=ID[,…] or the same as a JSON object. What repeats in a list, as hostfwd, is an array of objects in JSON; a list of QEMU's older kinds
// says "Invalid parameter" for a key that it does not know, JSON and the newer kinds say that it is unexpected.

using System.Globalization;
using Vmm.Core.Backends.Net;
using Vmm.Core.Configuration;
using Vmm.Core.Configuration.Netdevs;

namespace Vmm.CommandLine;

/// <summary>Reads network back ends.</summary>
internal static class NetdevOption
{
    private static readonly string[] OthersThanPasst =
        ["hostname", "tftp", "tftp-server-name", "bootfile", "domainname", "ipv6-prefix", "ipv6-prefixlen", "ipv6-host", "smb", "smbserver", "guestfwd"];

    /// <summary>Reads a back end from the text of an option.</summary>
    internal static NetdevOptions Read(string text) => Read(OptionList.Parse(text, "type", json: true), text.StartsWith('{'));

    /// <summary>Reads a back end.</summary>
    /// <param name="options">Its keys.</param>
    /// <param name="isJson">Whether they were a JSON object.</param>
    internal static NetdevOptions Read(OptionList options, bool isJson)
    {
        string type = options.TakeRequired("type");
        if (!NetdevOptions.Kinds.Contains(type))
        {
            throw new CommandLineException($"Parameter 'type' does not accept value '{type}': expected {string.Join(", ", NetdevOptions.Kinds.SkipLast(1))} or {NetdevOptions.Kinds[^1]}");
        }

        return ReadAs(type, options.TakeId() ?? throw new CommandLineException("Parameter 'id' is missing"), options, isJson);
    }

    /// <summary>Reads a back end whose type and id are known.</summary>
    internal static NetdevOptions ReadAs(string type, string id, OptionList options, bool isJson)
    {
        try
        {
            NetdevOptions netdev = type switch
            {
                TapNetdevConfiguration.Name => ReadTap(id, options),
                StreamNetdevConfiguration.Name => ReadStream(id, options),
                _ => ReadUser(id, options),
            };
            options.Finish(isUnexpected: isJson || type == StreamNetdevConfiguration.Name);
            return netdev;
        }
        catch (NetException e)
        {
            throw new CommandLineException(e.Message);
        }
    }

    /// <summary>What the back end is made from.</summary>
    internal static NetdevConfiguration Configure(NetdevOptions netdev)
    {
        try
        {
            return netdev.ToNetdev();
        }
        catch (NetException e)
        {
            throw new CommandLineException(e.Message);
        }
    }

    private static TapOptions ReadTap(string id, OptionList options)
    {
        foreach (string key in new[] { "helper", "br" })
        {
            if (options.Take(key) is not null)
            {
                throw new CommandLineException(TapOptions.NoBridgeProgram(key));
            }
        }

        if (options.TakeSwitch("vhostforce") == true || options.Take("vhostfd") is not null || options.Take("vhostfds") is not null || options.TakeNumber("poll-us", 0, int.MaxValue) is > 0)
        {
            throw new CommandLineException("vhostfd, vhostfds, vhostforce and poll-us are not supported: expected none of them; frames pass through this process");
        }

        return new TapOptions(id)
        {
            InterfaceName = options.Take("ifname"),
            Descriptor = options.Take("fd"),
            Descriptors = options.Take("fds"),
            Script = options.Take("script"),
            DownScript = options.Take("downscript"),
            VnetHeader = options.TakeSwitch("vnet_hdr"),
            SendBuffer = options.TakeSize("sndbuf"),
            Queues = options.TakeNumber("queues", 0, int.MaxValue),
            Vhost = options.TakeSwitch("vhost"),
        };
    }

    private static StreamOptions ReadStream(string id, OptionList options)
    {
        if (options.Has("addr"))
        {
            throw new CommandLineException("Invalid parameter type for 'addr', expected: object");
        }

        if (!options.HasBelow("addr."))
        {
            throw new CommandLineException("Parameter 'addr' is missing");
        }

        return new StreamOptions(id, ReadAddress(id, options))
        {
            Server = options.TakeSwitch("server") ?? false,
            Reconnect = options.TakeNumber("reconnect", 0, int.MaxValue),
            ReconnectMilliseconds = options.TakeNumber("reconnect-ms", 0, int.MaxValue),
        };
    }

    private static SocketChardevConfiguration ReadAddress(string id, OptionList options)
    {
        var socket = new SocketChardevConfiguration(id);
        switch (options.TakeRequired("addr.type"))
        {
            case "unix":
                return socket with
                {
                    Path = options.TakeRequired("addr.path"),
                    Abstract = options.TakeSwitch("addr.abstract") ?? false,
                    Tight = options.TakeSwitch("addr.tight") ?? true,
                };
            case "inet":
                _ = options.TakeSwitch("addr.numeric");
                return socket with
                {
                    Host = options.TakeRequired("addr.host"),
                    Port = StreamOptions.ReadPort(options.TakeRequired("addr.port")),
                    LastPort = options.TakeNumber("addr.to", 0, ushort.MaxValue) ?? 0,
                    Ipv4 = options.TakeSwitch("addr.ipv4"),
                    Ipv6 = options.TakeSwitch("addr.ipv6"),
                };
            case "fd":
                return socket with { Descriptor = ReadDescriptor(options.TakeRequired("addr.str")) };
            case var other:
                throw new CommandLineException($"Parameter 'addr.type' does not accept value '{other}': expected unix, inet or fd");
        }
    }

    private static UserOptions ReadUser(string id, OptionList options)
    {
        foreach (string key in OthersThanPasst)
        {
            if (options.TakeAll(key).Count > 0)
            {
                throw new CommandLineException($"{key}= is not supported: passt, which is the network of -netdev user, cannot do it; expected no {key}=");
            }
        }

        return new UserOptions(id)
        {
            Ipv4 = options.TakeSwitch("ipv4"),
            Ipv6 = options.TakeSwitch("ipv6"),
            Network = options.Take("net"),
            Host = options.Take("host"),
            DhcpStart = options.Take("dhcpstart"),
            Dns = options.Take("dns"),
            Ipv6Dns = options.Take("ipv6-dns"),
            DnsSearch = options.TakeAll("dnssearch"),
            HostForwards = options.TakeAll("hostfwd"),
            Restrict = options.TakeSwitch("restrict"),
        };
    }

    /// <summary>The number of a descriptor that this process was started with.</summary>
    internal static int ReadDescriptor(string text) => int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out int number)
        ? number
        : throw new CommandLineException($"Invalid file descriptor number '{text}': expected the number of one that this process was started with");
}

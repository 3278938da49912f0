// The network back ends that options make, and what -nic makes of one with its device:
//
//     -nic tap,ifname=tap0,mac=52:54:00:12:34:56
//     -netdev tap,id=#net0,ifname=tap0 + -device virtio-net-device,netdev=#net0,mac=52:54:00:12:34:56
//
// As in QEMU id= of -nic is the netdev's. What -nic names itself begins with a character that no id does, and is the same in each process that is given the
// same options. QEMU's microvm gives -nic no device, because it has no model for one; and no machine here has a network that no option speaks of.

using System.Globalization;
using Vmm.Core.Backends.Net;
using Vmm.Core.Configuration.Netdevs;
using Vmm.Core.Devices.Model;

namespace Vmm.CommandLine;

/// <summary>Collects -netdev and -nic, and sees to it that each back end has one user at most.</summary>
internal sealed class NetworkOptions
{
    private const string None = "none";
    private static readonly string[] ModelAliases = ["virtio", "virtio-net"];
    private readonly List<NetdevConfiguration> _netdevs = [];
    private readonly HashSet<int> _descriptors = [];
    private int _nics;

    /// <summary>All back ends in the order in which they came.</summary>
    internal IReadOnlyList<NetdevConfiguration> All => _netdevs;

    /// <summary>The models of -nic.</summary>
    internal static IEnumerable<string> Models => CardTypes.Select(type => type.Name);

    private static IEnumerable<DeviceType> CardTypes =>
        DeviceTypes.All.Where(type => type.IsUserCreatable && type.Properties.OfType<NetdevProperty>().Any());

    /// <summary>Adds a -netdev.</summary>
    internal void Add(NetdevOptions options)
    {
        if (_netdevs.Exists(other => other.Id == options.Id))
        {
            throw new CommandLineException($"Duplicate ID '{options.Id}' for netdev");
        }

        var netdev = NetdevOption.Configure(options);
        foreach (int descriptor in DescriptorsOf(netdev))
        {
            // Two that own it would close it twice, the second time whatever has the number by then.
            if (!_descriptors.Add(descriptor))
            {
                throw new CommandLineException($"netdev '{netdev.Id}': file descriptor {descriptor} is used twice: expected one of its own for each queue");
            }
        }

        _netdevs.Add(netdev);
    }

    /// <summary>Adds a -nic: [type=]TYPE[,model=MODEL][,mac=MAC][,OPTION=VALUE…]; "none" is none.</summary>
    internal void AddNic(OptionList options, DeviceOptions devices)
    {
        string type = options.Take("type") is { Length: > 0 } given ? given : UserNetdevConfiguration.Name;
        if (type == None)
        {
            options.Finish();
            return;
        }

        if (!NetdevOptions.Kinds.Contains(type))
        {
            throw new CommandLineException($"Parameter 'type' does not accept value '{type}': expected none, {string.Join(", ", NetdevOptions.Kinds.SkipLast(1))} or {NetdevOptions.Kinds[^1]}");
        }

        var model = ModelOf(options.Take("model"));
        string? mac = options.Take("mac");
        string id = options.TakeId() ?? string.Create(CultureInfo.InvariantCulture, $"#net{_nics++}");
        Add(NetdevOption.ReadAs(type, id, options, isJson: false));
        try
        {
            devices.AddForNic(model, id, mac);
        }
        catch
        {
            _netdevs.RemoveAll(netdev => netdev.Id == id);
            throw;
        }
    }

    /// <summary>Reads -net, of which there is only "none": a hub of back ends and devices is QEMU's former way.</summary>
    internal static void RequireNone(string argument)
    {
        if (argument is not (None or $"type={None}"))
        {
            throw new CommandLineException("only none is supported: expected -netdev with a -device that names it, or -nic for both at once");
        }
    }

    /// <summary>Checks that every back end that a device names is there, and that none is used twice.</summary>
    internal void CheckUses(IEnumerable<DeviceConfiguration> devices)
    {
        var users = new Dictionary<string, string>(StringComparer.Ordinal);
        foreach (var device in devices)
        {
            foreach (var property in device.Type.Properties.OfType<NetdevProperty>())
            {
                if (device.ValueOf(property) is not string id)
                {
                    continue;
                }

                if (!_netdevs.Exists(netdev => netdev.Id == id))
                {
                    throw new CommandLineException(
                        $"{device.Title}: Property '{device.Type.Name}.{property.Name}' can't find value '{id}': expected the id of a -netdev");
                }

                if (!users.TryAdd(id, device.Title))
                {
                    throw new CommandLineException(
                        $"{device.Title}: Property '{device.Type.Name}.{property.Name}' can't take value '{id}', it's in use: {users[id]} has it");
                }
            }
        }
    }

    private static IEnumerable<int> DescriptorsOf(NetdevConfiguration netdev) => netdev switch
    {
        TapNetdevConfiguration tap => tap.Descriptors.Select(NetdevOption.ReadDescriptor),
        StreamNetdevConfiguration { Socket.Descriptor: { } descriptor } => [descriptor],
        _ => [],
    };

    private static DeviceType ModelOf(string? model)
    {
        var types = CardTypes.ToList();
        return types.Find(type => model is null || type.Name == model || ModelAliases.Contains(model))
            ?? throw new CommandLineException($"Unsupported NIC model: {model}: expected {string.Join(" or ", types.Select(type => type.Name))}");
    }
}

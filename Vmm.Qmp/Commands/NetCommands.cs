// net.json: network back ends, and network cards.

using System.Globalization;
using Vmm.Core.Backends.Net;
using Vmm.Core.Configuration.Netdevs;
using Vmm.Core.Devices.Model;
using Vmm.Core.Machines;
using Vmm.Qmp.Schema;
using Vmm.Qmp.Sessions;

namespace Vmm.Qmp.Commands;

/// <summary>The commands of net.json.</summary>
/// <param name="network">The network of the machine.</param>
public sealed class NetCommands(MachineNetdevs network) : INetCommands
{
    /// <inheritdoc/>
    public ValueTask SetLink(CommandContext context, string name, bool up) => new(FindAsync(name, () => network.SetLink(name, up)));

    /// <inheritdoc/>
    public ValueTask NetdevAdd(CommandContext context, Netdev arguments) => new(Refusals.ToQmpErrors(async () =>
    {
        var netdev = NetdevBackends.FromQapi(arguments);

        // What is wrong is found before a descriptor of the client's is taken, which the back end has from then on.
        network.RequireAddable(netdev);
        _ = netdev.ToNetdev();
        await network.AddAsync(WithDescriptors(netdev, arguments, (context as MonitorContext)?.Descriptors));
    }));

    /// <inheritdoc/>
    public ValueTask NetdevDel(CommandContext context, string id) => new(FindAsync(id, () => network.Remove(id)));

    /// <inheritdoc/>
    public ValueTask<IReadOnlyList<RxFilterInfo>> QueryRxFilter(CommandContext context, string? name)
    {
        var cards = network.Cards.Where(card => name is null || card.Name == name).ToList();
        return name is null || cards.Count > 0 ? ValueTask.FromResult<IReadOnlyList<RxFilterInfo>>([.. cards.Select(Describe)])
            : throw QmpException.GenericError(network.Find(name) is not null ? $"net client({name}) isn't a NIC" : $"invalid net client name: {name}");
    }

    /// <summary>What "info network" shows: the back ends that no device has, then each card with its own.</summary>
    public static IEnumerable<string> Lines(MachineNetdevs network)
    {
        ArgumentNullException.ThrowIfNull(network);
        foreach (string line in network.Spare.SelectMany(Lines))
        {
            yield return line;
        }

        foreach (var card in network.Cards)
        {
            var netdev = card.NetdevId is { } id ? network.Find(id) : null;
            for (int pair = 0; pair < (netdev?.QueueCount ?? 1); pair++)
            {
                string link = card.Device.IsLinkEnabled ? "" : ",link=off";
                yield return string.Create(CultureInfo.InvariantCulture, $"{card.Name}: index={pair},type=nic,model={card.Model},macaddr={card.Device.MacAddress}{link}");
                if (netdev is not null)
                {
                    yield return $" \\ {Line(netdev, pair)}";
                }
            }
        }
    }

    private static IEnumerable<string> Lines(NetBackEnd netdev) => Enumerable.Range(0, netdev.QueueCount).Select(pair => Line(netdev, pair));

    private static string Line(NetBackEnd netdev, int pair) => string.Create(CultureInfo.InvariantCulture, $"{netdev.Id}: index={pair},{netdev.Description}");

    /// <summary>Runs an operation that says whether it has found what it is about.</summary>
    private static async Task FindAsync(string name, Func<bool> operation)
    {
        bool isFound = false;
        await Refusals.ToQmpErrors(() =>
        {
            isFound = operation();
        });
        if (!isFound)
        {
            throw QmpException.DeviceNotFound($"Device '{name}' not found");
        }
    }

    private static NetdevOptions WithDescriptors(NetdevOptions netdev, Netdev arguments, NamedDescriptors? named) => netdev switch
    {
        TapOptions { Descriptor: { } name } tap => tap with { Descriptor = Take(named, name, ofTap: true) },
        TapOptions { Descriptors: { } names } tap => tap with { Descriptors = Take(named, names, ofTap: true) },
        StreamOptions stream when NetdevBackends.NameOfSocket(arguments) is { } name => stream with
        {
            Address = stream.Address with { Descriptor = int.Parse(Take(named, name, ofTap: false), CultureInfo.InvariantCulture) },
        },
        _ => netdev,
    };

    /// <summary>Takes descriptors that the client has named, all or none.</summary>
    /// <returns>Their numbers, separated by colons as the names are.</returns>
    private static string Take(NamedDescriptors? named, string names, bool ofTap)
    {
        string[] all = ofTap ? names.Split(':') : [names];
        if (ofTap && all.FirstOrDefault(name => named?.Find(name) is { } handle && !MachineNetdevs.IsTap(handle)) is { } other)
        {
            throw new NetException($"File descriptor named '{other}' is no queue of a tap interface");
        }

        return all.FirstOrDefault(name => named?.Find(name) is null) is { } missing
            ? throw new NetException($"File descriptor named '{missing}' has not been found")
            : string.Join(':', all.Select(name =>
            {
                using var handle = named!.Take(name)!;
                string number = ((int)handle.DangerousGetHandle()).ToString(CultureInfo.InvariantCulture);
                handle.SetHandleAsInvalid();
                return number;
            }));
    }

    private static RxFilterInfo Describe(NetworkCard card)
    {
        var filter = card.ReadFilter();
        return new RxFilterInfo
        {
            Name = card.Name,
            Promiscuous = filter.Promiscuous,
            Multicast = StateOf(filter.Multicast),
            Unicast = StateOf(filter.Unicast),
            Vlan = StateOf(filter.Vlan),
            BroadcastAllowed = filter.BroadcastAllowed,
            MulticastOverflow = filter.MulticastOverflow,
            UnicastOverflow = filter.UnicastOverflow,
            MainMac = filter.MainAddress,
            VlanTable = [.. filter.VlanTable.Select(vlan => (long)vlan)],
            UnicastTable = filter.UnicastTable,
            MulticastTable = filter.MulticastTable,
        };
    }

    private static RxState StateOf(FilterMode mode) => mode switch
    {
        FilterMode.None => RxState.None,
        FilterMode.All => RxState.All,
        _ => RxState.Normal,
    };
}

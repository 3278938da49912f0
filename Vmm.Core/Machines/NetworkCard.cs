// A network card as management names it, and what is reported of its receive filter.
//
// A guest may change its filter as often as it likes. So a change is reported once, and the next one only after a client has asked what the filter is, as QEMU
// has it: a client that does not ask gets no second event.

using Vmm.Core.Devices.Model;

namespace Vmm.Core.Machines;

/// <summary>A network card of a machine. Machine loop only.</summary>
public sealed class NetworkCard
{
    private static readonly SendOrPostCallback ReportNow = static card => ((NetworkCard)card!).Report();

    private readonly Machine _machine;
    private readonly Device _placed;
    private int _isReported;

    internal NetworkCard(Machine machine, Device placed, INetworkCard card, string name)
    {
        _machine = machine;
        _placed = placed;
        Device = card;
        Name = name;
        card.ReceiveFilterChanged = FilterChanged;
    }

    /// <summary>What it is called in commands: the id of its device, or one that is made of its type and a number.</summary>
    public string Name { get; }

    /// <summary>The id of its device; null if that was given none.</summary>
    public string? Id => _placed.Configuration.Id;

    /// <summary>Its device in the tree of objects.</summary>
    public string Path => _placed.Path;

    /// <summary>The type of its device.</summary>
    public string Model => _placed.Configuration.Type.Name;

    /// <summary>The id of its back end; null if it has none.</summary>
    public string? NetdevId => _placed.Configuration.Netdevs.FirstOrDefault();

    /// <summary>What answers for it.</summary>
    public INetworkCard Device { get; }

    /// <summary>The filter, for a client that asks: what changes from now on is reported again.</summary>
    public ReceiveFilter ReadFilter()
    {
        // Before it is read: a change in between is in what is read, or is reported.
        Interlocked.Exchange(ref _isReported, 0);
        return Device.ReceiveFilter;
    }

    /// <summary>The cards among devices, with their names.</summary>
    internal static IReadOnlyList<NetworkCard> Among(Machine machine, IEnumerable<Device> devices)
    {
        var cards = new List<NetworkCard>();
        foreach (var device in devices)
        {
            if ((device as INetworkCard ?? device.BusService as INetworkCard) is { } card)
            {
                string model = device.Configuration.Type.Name;
                cards.Add(new NetworkCard(machine, device, card, device.Configuration.Id ?? $"{model}.{cards.Count(other => other.Model == model)}"));
            }
        }

        return cards;
    }

    private void FilterChanged()
    {
        if (Interlocked.Exchange(ref _isReported, 1) == 0)
        {
            _machine.Loop.Post(ReportNow, this);
        }
    }

    private void Report() => _machine.Raise(new MachineReceiveFilterChanged(_machine.Now, Id, Path));
}

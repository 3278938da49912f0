// The network back ends while the machine is there, and its network cards. The command line's back ends are in its configuration; netdev_add and netdev_del
// alter what is known here. As with character back ends the command line of the next process must have those that there are now (NewOptions).
//
// A device keeps its back end as long as it exists, so only one that no device has can be removed.

using System.Runtime.InteropServices;
using Vmm.Core.Backends.Net;
using Vmm.Core.Configuration.Netdevs;
using Vmm.Core.Loop;
using Vmm.Core.Native;

namespace Vmm.Core.Machines;

/// <summary>The network of a machine. Machine loop only.</summary>
public sealed class MachineNetdevs
{
    private readonly Machine _machine;
    private readonly EventLoop _ioLoop;
    private readonly HashSet<string> _underWay = new(StringComparer.Ordinal);
    private readonly Dictionary<string, string> _added = new(StringComparer.Ordinal);

    internal MachineNetdevs(Machine machine, EventLoop ioLoop)
    {
        _machine = machine;
        _ioLoop = ioLoop;
        Configuration = machine.Configuration.Netdevs;
    }

    /// <summary>What back ends there are now.</summary>
    public IReadOnlyList<NetdevConfiguration> Configuration { get; private set; }

    /// <summary>What the command line of the next process needs beside this one's: an option for each that was added.</summary>
    public IReadOnlyList<string> NewOptions => [.. Configuration.Select(netdev => _added.GetValueOrDefault(netdev.Id)).OfType<string>()];

    /// <summary>The back ends that no device has.</summary>
    public IEnumerable<NetBackEnd> Spare => _machine.Board?.Netdevs is { } netdevs ? netdevs.All.Where(netdev => !netdevs.IsUsed(netdev.Id)) : [];

    /// <summary>The network cards, in the order of the devices.</summary>
    public IReadOnlyList<NetworkCard> Cards => _machine.Board?.Cards ?? [];

    /// <summary>The back end of an id; null if there is none.</summary>
    public NetBackEnd? Find(string id) => _machine.Board?.Netdevs.Find(id);

    /// <summary>Refuses a back end whose id is taken, or that no guest here could have, before anything is opened for it.</summary>
    /// <exception cref="NetException">It could not be added.</exception>
    public void RequireAddable(NetdevOptions netdev)
    {
        ArgumentNullException.ThrowIfNull(netdev);
        netdev.RequireId();
        if (_underWay.Contains(netdev.Id) || Configuration.Any(other => other.Id == netdev.Id))
        {
            throw new NetException($"Duplicate ID '{netdev.Id}' for netdev");
        }

        _ = RequireBoard($"netdev '{netdev.Id}'");
    }

    /// <summary>Whether a descriptor is a queue of a tap interface.</summary>
    public static bool IsTap(SafeHandle descriptor)
    {
        ArgumentNullException.ThrowIfNull(descriptor);
        return TapDevice.Ask(descriptor) is not null;
    }

    /// <summary>Adds a back end and opens it.</summary>
    /// <exception cref="NetException">It cannot be added; nothing is left of it.</exception>
    public async Task AddAsync(NetdevOptions netdev)
    {
        RequireAddable(netdev);
        var board = RequireBoard($"netdev '{netdev.Id}'");
        var configuration = netdev.ToNetdev();
        var added = NetdevFactory.Create(configuration, _ioLoop, _machine.Log);
        Watch(_machine, added);
        _underWay.Add(netdev.Id);
        try
        {
            // A server that is far away or a script takes its time, in which the machine does other things; the back end is not shared yet.
            await Task.Run(added.Open);
            if (RequireBoard($"netdev '{netdev.Id}'") != board)
            {
                throw new NetException($"netdev '{netdev.Id}': the guest is another's by now");
            }
        }
        catch
        {
            added.Dispose();
            throw;
        }
        finally
        {
            _underWay.Remove(netdev.Id);
        }

        board.Netdevs.Add(added);
        _added[netdev.Id] = netdev.Text;
        Configuration = [.. Configuration, configuration];
        added.Start();
    }

    /// <summary>Closes and removes a back end that no device has.</summary>
    /// <returns>False if there is none of that id.</returns>
    /// <exception cref="NetException">A device has it, or it is on its way to another process.</exception>
    public async Task<bool> RemoveAsync(string id)
    {
        if (!Configuration.Any(netdev => netdev.Id == id))
        {
            return false;
        }

        var board = RequireBoard($"netdev '{id}'");
        if (board.Netdevs.IsUsed(id))
        {
            string user = Cards.FirstOrDefault(card => card.NetdevId == id)?.Name ?? "a device";
            throw new NetException($"netdev '{id}' is in use by {user}, which keeps it as long as it exists: to disconnect it use set_link");
        }

        Configuration = [.. Configuration.Where(netdev => netdev.Id != id)];
        _added.Remove(id);
        if (board.Netdevs.Find(id) is { } removed)
        {
            // A program that must end first takes its time, too, and has what it used until then.
            board.Netdevs.Remove(removed);
            _underWay.Add(id);
            try
            {
                await Task.Run(removed.Dispose);
            }
            finally
            {
                _underWay.Remove(id);
            }
        }

        return true;
    }

    /// <summary>Plugs in or pulls out the cable of a network card.</summary>
    /// <param name="name">The card, or its back end; a back end that no device has leads nowhere in either case.</param>
    /// <param name="enabled">Whether frames are to pass.</param>
    /// <returns>False if there is none of that name.</returns>
    /// <exception cref="NetException">The guest is stopped on its way to another process, or is not here.</exception>
    public bool SetLink(string name, bool enabled)
    {
        // It is state of the device, which goes with the guest until that is saved.
        if (_machine.Board is null || _machine.State == RunState.FinishMigrate)
        {
            _ = RequireBoard($"the link of '{name}'");
        }

        var cards = Cards.Where(card => card.Name == name || card.NetdevId == name).ToList();
        cards.ForEach(card => card.Device.SetLink(enabled));
        return cards.Count > 0 || Configuration.Any(netdev => netdev.Id == name);
    }

    /// <summary>
    /// Opens the back ends of the command line that no device has and that did not cross, soon: neither the guest nor this loop waits for it. One that
    /// cannot be opened is missing, and is reported.
    /// </summary>
    internal void OpenOthers(Board board)
    {
        foreach (var netdev in board.Netdevs.TakeNotAdopted())
        {
            _underWay.Add(netdev.Id);

            // The step that lets the guest run ends before this loop does something else.
            _machine.Loop.Post(() => _ = OpenAsync(board, netdev));
        }
    }

    /// <summary>Has a back end report its peers.</summary>
    internal static void Watch(Machine machine, NetBackEnd netdev)
    {
        if (netdev is StreamNetdev stream)
        {
            stream.Connected = address => machine.Raise(new MachineNetdevConnected(machine.Now, stream.Id, address));
            stream.Disconnected = () => machine.Raise(new MachineNetdevDisconnected(machine.Now, stream.Id));
        }
    }

    /// <summary>Opens one that did not cross. Does not throw.</summary>
    private Task<bool> OpenAsync(Board board, NetBackEnd netdev) => new BestEffort(_machine.Log, "the guest was taken over").DoAsync(
        $"open netdev '{netdev.Id}', which did not cross",
        async () =>
        {
            Watch(_machine, netdev);
            try
            {
                await Task.Run(netdev.Open);
            }
            catch
            {
                netdev.Dispose();
                throw;
            }
            finally
            {
                _underWay.Remove(netdev.Id);
            }

            if (_machine.Board != board && _machine.Handover.Outcome is not null)
            {
                // The next process opens its own, at the same place.
                netdev.Release();
            }
            else if (_machine.Board != board || !Configuration.Any(other => other.Id == netdev.Id))
            {
                await Task.Run(netdev.Dispose);
            }
            else
            {
                board.Netdevs.Join(netdev);
            }
        });

    private Board RequireBoard(string what)
    {
        if (_machine.Board is not { } board)
        {
            throw _machine.Handover.Outcome is { } outcome ? new NetException(outcome)
                : new NetException($"{what}: there is no guest in this process yet: name its network on the command line, by -netdev and -device");
        }

        return !board.Netdevs.IsClosed ? board : throw new NetException(
            $"{what}: a live update, or its preflight, is under way: send the command again when that has ended, to the process that has the guest");
    }
}

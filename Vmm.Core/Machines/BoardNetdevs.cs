// The network back ends of a board, used or not. Unlike character back ends they are open, or adopted, before the devices are built: what a device offers its
// driver depends on what its back end can do. One that no device has, and of which nothing came from the old process, is opened when the guest runs here: it is one of
// these from then on.
//
// While the guest is on its way to another process the set is closed: what was listed for that process is what it gets. A process that ends between the stop of
// the guest and the news that it was taken does not know whose the network is, and undoes nothing of it on the host.

using Vmm.Core.Backends.Net;
using Vmm.Core.Descriptors;

namespace Vmm.Core.Machines;

/// <summary>The network back ends of a board. Machine loop only.</summary>
internal sealed class BoardNetdevs : IDisposable
{
    private readonly List<NetBackEnd> _all = [];
    private readonly List<NetBackEnd> _joining = [];
    private readonly List<NetBackEnd> _notAdopted = [];
    private readonly HashSet<string> _used;
    private bool _isLeaving;

    private BoardNetdevs(BoardSetup setup, HandedOverDescriptors? handedOver)
    {
        _used = [.. setup.Devices.SelectMany(device => device.Configuration.Netdevs)];
        try
        {
            foreach (var configuration in setup.Configuration.Netdevs)
            {
                var netdev = NetdevFactory.Create(configuration, setup.IoLoop, setup.Log);
                if (handedOver is null)
                {
                    _all.Add(netdev);
                    netdev.Open();
                }
                else if (_used.Contains(netdev.Id) || handedOver.Names.Any(name => name.StartsWith(PrefixOf(netdev.Id), StringComparison.Ordinal)))
                {
                    _all.Add(netdev);
                    netdev.Adopt(handedOver);
                }
                else
                {
                    _notAdopted.Add(netdev);
                }
            }
        }
        catch
        {
            if (handedOver is null)
            {
                Dispose();
            }
            else
            {
                // What is open is the old process's too.
                Release();
            }

            throw;
        }
    }

    /// <summary>All of them.</summary>
    internal IReadOnlyList<NetBackEnd> All => _all;

    /// <summary>The same, with those of which nothing came from the old process, as long as their state may come.</summary>
    internal IEnumerable<NetBackEnd> AllOfStream => [.. _all, .. _notAdopted];

    /// <summary>Whether they are on their way to another process.</summary>
    internal bool IsClosed { get; private set; }

    /// <summary>Called when one was added or removed.</summary>
    internal Action Changed { get; set; } = static () => { };

    /// <summary>Opens those of a guest that boots here.</summary>
    /// <exception cref="NetException">One cannot be opened.</exception>
    internal static BoardNetdevs Open(BoardSetup setup) => new(setup, handedOver: null);

    /// <summary>Takes over what the old process has open.</summary>
    /// <exception cref="NetException">A descriptor is missing, or is not what its name says.</exception>
    internal static BoardNetdevs Adopt(BoardSetup setup, HandedOverDescriptors handedOver) => new(setup, handedOver);

    /// <summary>How the names begin by which the descriptors of a back end go to the next process.</summary>
    internal static string PrefixOf(string id) => $"netdev/{id}/";

    internal NetBackEnd? Find(string id) => _all.Find(netdev => netdev.Id == id);

    /// <summary>Whether a device has it.</summary>
    internal bool IsUsed(string id) => _used.Contains(id);

    /// <summary>For the next process: what it will need. From now on none is added or removed.</summary>
    internal IEnumerable<HandoverDescriptor> Export()
    {
        IsClosed = true;
        return _all.SelectMany(netdev => netdev.Export());
    }

    /// <summary>The guest is stopped to be another process's: it may be that from now on until <see cref="Continue"/>.</summary>
    internal void Leave() => _isLeaving = true;

    /// <summary>The guest is here, or stays here: the set is open again. They are not started yet.</summary>
    internal void Continue()
    {
        (IsClosed, _isLeaving) = (false, false);
        _joining.ForEach(Add);
        _joining.Clear();
    }

    /// <summary>Hands out those that did not cross, which are to be opened and to join the others.</summary>
    internal IReadOnlyList<NetBackEnd> TakeNotAdopted()
    {
        NetBackEnd[] taken = [.. _notAdopted];
        _notAdopted.Clear();
        Changed();
        return taken;
    }

    /// <summary>Adds and starts one that was opened meanwhile; while the set is closed that waits.</summary>
    internal void Join(NetBackEnd netdev)
    {
        if (IsClosed)
        {
            _joining.Add(netdev);
        }
        else
        {
            Add(netdev);
            netdev.Start();
        }
    }

    internal void Add(NetBackEnd netdev)
    {
        _all.Add(netdev);
        Changed();
    }

    internal void Remove(NetBackEnd netdev)
    {
        _all.Remove(netdev);
        Changed();
    }

    /// <summary>The guest continues in another process.</summary>
    internal void Release()
    {
        _isLeaving = false;
        foreach (var netdev in Everything)
        {
            netdev.Release();
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        if (_isLeaving)
        {
            Release();
        }

        foreach (var netdev in Everything)
        {
            netdev.Dispose();
        }
    }

    private IEnumerable<NetBackEnd> Everything => [.. _all, .. _joining, .. _notAdopted];
}

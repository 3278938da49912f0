// The network back ends of a board, used or not. Unlike character back ends they are open, or adopted, before the devices are built: what a device offers its
// driver depends on what its back end can do. One that no device has, and of which nothing came from the old process, is opened when the guest is here.
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
                _all.Add(netdev);
                if (handedOver is null)
                {
                    netdev.Open();
                }
                else if (_used.Contains(netdev.Id) || handedOver.Names.Any(name => name.StartsWith(PrefixOf(netdev.Id), StringComparison.Ordinal)))
                {
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

    /// <summary>The guest is here, or stays here: what did not cross is opened, and the set is open again.</summary>
    internal void Continue(BestEffort steps)
    {
        (IsClosed, _isLeaving) = (false, false);
        foreach (var netdev in _notAdopted)
        {
            if (!steps.Do($"open netdev '{netdev.Id}', which did not cross", netdev.Open))
            {
                Remove(netdev);
                netdev.Dispose();
            }
        }

        _notAdopted.Clear();
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
        _all.ForEach(netdev => netdev.Release());
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        if (_isLeaving)
        {
            Release();
        }

        _all.ForEach(netdev => netdev.Dispose());
    }
}

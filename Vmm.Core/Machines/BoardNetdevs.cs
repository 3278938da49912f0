// The network back ends of a board, used or not. Unlike character back ends they are open, or adopted, before the devices are built: what a device offers its
// driver depends on what its back end can do.

using Vmm.Core.Backends.Net;
using Vmm.Core.Descriptors;

namespace Vmm.Core.Machines;

/// <summary>The network back ends of a board. Machine loop only.</summary>
internal sealed class BoardNetdevs : IDisposable
{
    private readonly List<NetBackEnd> _all = [];

    private BoardNetdevs(BoardSetup setup, Action<NetBackEnd> begin)
    {
        try
        {
            foreach (var netdev in setup.Configuration.Netdevs)
            {
                _all.Add(NetdevFactory.Create(netdev, setup.IoLoop, setup.Log));
                begin(_all[^1]);
            }
        }
        catch
        {
            Dispose();
            throw;
        }
    }

    /// <summary>All of them.</summary>
    internal IReadOnlyList<NetBackEnd> All => _all;

    /// <summary>For the next process: what it will need.</summary>
    internal IEnumerable<HandoverDescriptor> Descriptors => _all.SelectMany(netdev => netdev.Export());

    /// <summary>Opens those of a guest that boots here.</summary>
    /// <exception cref="NetException">One cannot be opened.</exception>
    internal static BoardNetdevs Open(BoardSetup setup) => new(setup, static netdev => netdev.Open());

    /// <summary>Takes over what the old process has open.</summary>
    /// <exception cref="NetException">A descriptor is missing, or is not what its name says.</exception>
    internal static BoardNetdevs Adopt(BoardSetup setup, HandedOverDescriptors handedOver) => new(setup, netdev => netdev.Adopt(handedOver));

    internal NetBackEnd? Find(string id) => _all.Find(netdev => netdev.Id == id);

    /// <summary>The guest continues in another process.</summary>
    internal void Release() => _all.ForEach(netdev => netdev.Release());

    /// <inheritdoc/>
    public void Dispose() => _all.ForEach(netdev => netdev.Dispose());
}

// All block nodes of a machine. They are opened when the guest is started here, or taken over from the old process of a live update with the
// descriptors of their images, which keep their locks. An image is locked when a device attaches to it, and not before: an unused node excludes no one.

using System.Diagnostics.CodeAnalysis;
using System.Globalization;
using Vmm.Core.Descriptors;

namespace Vmm.Core.Backends.Block;

/// <summary>The block nodes and disks. Machine loop only.</summary>
public sealed class BlockGraph : IDisposable
{
    /// <summary>How the names begin that nodes are given which were described within another.</summary>
    private const char OwnNames = '#';

    private readonly IReadOnlyList<DriveConfiguration> _drives;
    private readonly Dictionary<string, ThrottleGroup> _groups;
    private readonly List<BlockNode> _nodes = [];
    private readonly List<BlockDisk> _disks = [];
    private readonly bool _isAdopted;

    private BlockGraph(
        IReadOnlyList<BlockNodeConfiguration> nodes,
        IReadOnlyList<DriveConfiguration> drives,
        IEnumerable<ThrottleGroupConfiguration> groups,
        Func<BlockNodeConfiguration, BlockImage> open,
        bool isAdopted)
    {
        (_drives, _isAdopted) = (drives, isAdopted);
        _groups = groups.ToDictionary(group => group.Id, group => new ThrottleGroup(group), StringComparer.Ordinal);
        try
        {
            foreach (var node in nodes)
            {
                Add(node, open, isAdded: false);
            }
        }
        catch
        {
            Dispose();
            throw;
        }
    }

    /// <summary>The nodes, each after the one that it is over.</summary>
    public IReadOnlyList<BlockNode> Nodes => _nodes;

    /// <summary>The disks that devices have.</summary>
    public IReadOnlyList<BlockDisk> Disks => _disks;

    /// <summary>The descriptors that go with the guest. Nodes that were added meanwhile stay: the next process has none of that name.</summary>
    internal IEnumerable<HandoverDescriptor> Descriptors =>
        from node in _nodes
        let file = node.Image?.File
        where !node.IsAdded && file is not null
        select new HandoverDescriptor(BlockImage.DescriptorName(node.Configuration.NodeName), file);

    /// <summary>Which files those are.</summary>
    /// <exception cref="IOException">The host does not say.</exception>
    public IEnumerable<ImageIdentity> Identities =>
        from node in _nodes
        let file = node.Image?.File
        where !node.IsAdded && file is not null
        select ImageIdentity.Of(node.Configuration.NodeName, file);

    /// <summary>Whether one of those is open for writing.</summary>
    public bool HasWritten => Identities.Any(image => image.IsWritten);

    /// <summary>Opens what is configured.</summary>
    /// <param name="nodes">The nodes, each after the one that it is over.</param>
    /// <param name="drives">The drives.</param>
    /// <param name="groups">The throttle groups.</param>
    /// <exception cref="BlockException">One cannot be opened.</exception>
    public static BlockGraph Open(
        IReadOnlyList<BlockNodeConfiguration> nodes, IReadOnlyList<DriveConfiguration> drives, params IReadOnlyList<ThrottleGroupConfiguration> groups)
    {
        ArgumentNullException.ThrowIfNull(nodes);
        ArgumentNullException.ThrowIfNull(drives);
        ArgumentNullException.ThrowIfNull(groups);
        return new(nodes, drives, groups, BlockImage.Open, isAdopted: false);
    }

    /// <summary>Takes over what the old process has open.</summary>
    /// <exception cref="BlockException">A descriptor is missing, or is not what its name says.</exception>
    internal static BlockGraph Adopt(
        IReadOnlyList<BlockNodeConfiguration> nodes,
        IReadOnlyList<DriveConfiguration> drives,
        IReadOnlyList<ThrottleGroupConfiguration> groups,
        HandedOverDescriptors handedOver) =>
        new(nodes, drives, groups, node => BlockImage.Adopt(node, handedOver), isAdopted: true);

    /// <summary>Gives a device its disk, locked for it.</summary>
    /// <param name="name">The id of a drive, or the name of a node.</param>
    /// <param name="user">The device, for messages.</param>
    /// <param name="sharesWrites">Whether others may write to it meanwhile (share-rw=on).</param>
    /// <exception cref="BlockException">It is another's, in this process or another one.</exception>
    public BlockDisk Attach(string name, string user, bool sharesWrites)
    {
        var drive = _drives.FirstOrDefault(drive => drive.Id == name);
        var nodes = Chain(drive?.NodeName ?? name);
        if (nodes.Find(node => node.Disk is not null) is { } used)
        {
            throw new BlockException($"block node '{used.Configuration.NodeName}' is in use by {used.Disk!.User}: expected one of its own for {user}");
        }

        var image = nodes[^1].Image!;
        if (!_isAdopted && nodes.Exists(node => node.Configuration is RawNodeConfiguration { IsProbed: true }))
        {
            image.RequireRaw();
        }

        var disk = new BlockDisk(user, [.. nodes.Select(node => node.Configuration)], image, drive, GroupsOf(nodes, drive));
        if (!_isAdopted)
        {
            var shares = BlockPermissions.ConsistentRead | BlockPermissions.WriteUnchanged | BlockPermissions.Resize;
            image.Lock(
                BlockPermissions.ConsistentRead | (disk.IsReadOnly ? 0 : BlockPermissions.Write),
                shares | (sharesWrites ? BlockPermissions.Write : 0));
        }

        nodes.ForEach(node => node.Disk = disk);
        _disks.Add(disk);
        return disk;
    }

    /// <summary>What a node is now.</summary>
    /// <exception cref="BlockException">There is none of that name.</exception>
    public BlockNodeInfo InfoOf(string name) => BlockNodeInfo.Of(Chain(name));

    /// <summary>The node of a name.</summary>
    public bool TryFind(string name, [NotNullWhen(true)] out BlockNode? node)
    {
        node = _nodes.Find(node => node.Configuration.NodeName == name);
        return node is not null;
    }

    /// <summary>Adds nodes while the guest runs, each after the one that it is over; all or none.</summary>
    /// <exception cref="BlockException">A name is taken, a node that another is over is not there or is used, or an image cannot be opened.</exception>
    public void Add(IReadOnlyList<BlockNodeConfiguration> nodes)
    {
        ArgumentNullException.ThrowIfNull(nodes);
        int before = _nodes.Count;
        try
        {
            foreach (var node in nodes)
            {
                Add(node, BlockImage.Open, isAdded: true);
            }
        }
        catch
        {
            foreach (var added in _nodes[before..])
            {
                Close(added);
            }

            throw;
        }
    }

    /// <summary>Removes a node that nothing uses, and those below it that have names of their own making.</summary>
    /// <exception cref="BlockException">There is none of that name, or it is used.</exception>
    public void Remove(string name)
    {
        if (!TryFind(name, out var node))
        {
            throw new BlockException($"Failed to find node with node-name='{name}'");
        }

        if (node.Disk is { } disk)
        {
            throw new BlockException($"Node {name} is in use: {disk.User} has it");
        }

        if (node.Parent is { } parent)
        {
            throw new BlockException($"Block device {name} is in use: node '{parent}' is over it");
        }

        if (!node.IsAdded)
        {
            throw new BlockException($"Node {name} is not owned by the monitor: the command line has it, and so has the next process of an update");
        }

        for (var next = node; next is not null;)
        {
            var below = Below(next);
            Close(next);
            next = below?.Configuration.NodeName.StartsWith(OwnNames) == true ? below : null;
        }
    }

    /// <summary>Changes the size of a disk.</summary>
    /// <param name="name">The id of a drive, or the name of a node.</param>
    /// <param name="bytes">The new size, rounded up to whole sectors.</param>
    /// <exception cref="BlockException">It cannot be changed.</exception>
    public void Resize(string name, ulong bytes)
    {
        string nodeName = _drives.FirstOrDefault(drive => drive.Id == name)?.NodeName ?? name;
        if (!TryFind(nodeName, out var node))
        {
            throw new BlockException($"Cannot find device='' nor node-name='{name}'");
        }

        var disk = node.Disk;
        if (bytes > long.MaxValue / 2)
        {
            throw new BlockException(string.Create(CultureInfo.InvariantCulture, $"Parameter 'size' expects a size below 4 EiB, not {bytes}"));
        }

        if (disk is { IsReadOnly: true } || node.Configuration.ReadOnly)
        {
            throw new BlockException($"Block node '{nodeName}' is read-only");
        }

        if (disk is { HasFixedSize: true })
        {
            throw new BlockException("Cannot resize: the node shows a part of its file, whose size was given");
        }

        long offset = disk?.Offset ?? 0;
        Chain(nodeName)[^1].Image!.Resize((long)bytes + offset);
        disk?.RaiseResized();
    }

    /// <summary>Looks how large the images are: the old process may have changed that since they came.</summary>
    /// <exception cref="BlockException">The host does not say.</exception>
    internal void Measure()
    {
        foreach (var node in _nodes)
        {
            node.Image?.Measure();
        }
    }

    /// <summary>Closes the images; what locks they have goes with the last descriptor.</summary>
    public void Dispose()
    {
        foreach (var node in _nodes)
        {
            node.Image?.Dispose();
        }
    }

    private void Add(BlockNodeConfiguration configuration, Func<BlockNodeConfiguration, BlockImage> open, bool isAdded)
    {
        string name = configuration.NodeName;
        if (TryFind(name, out _) || _drives.Any(drive => drive.Id == name))
        {
            throw new BlockException($"Duplicate nodes with node-name='{name}'");
        }

        if (configuration.Child is not { } childName)
        {
            _nodes.Add(new BlockNode(configuration, open(configuration), isAdded));
            return;
        }

        if (!TryFind(childName, out var child))
        {
            throw new BlockException($"Cannot find device='' nor node-name='{childName}'");
        }

        if (child.Parent is not null || child.Disk is not null)
        {
            throw new BlockException($"block node '{childName}' is in use by {child.Parent ?? child.Disk!.User}: expected one of its own for '{name}'");
        }

        child.Parent = name;
        _nodes.Add(new BlockNode(configuration, null, isAdded));
    }

    private List<ThrottleGroup> GroupsOf(List<BlockNode> nodes, DriveConfiguration? drive)
    {
        var names = nodes.Select(node => node.Configuration).OfType<ThrottleNodeConfiguration>().Select(node => node.Group).ToList();
        if (drive?.ThrottleGroup is { } own)
        {
            names.Add(own);
        }

        return names.ConvertAll(name => _groups.GetValueOrDefault(name) ?? throw new BlockException($"Throttle group '{name}' not found"));
    }

    private void Close(BlockNode node)
    {
        _nodes.Remove(node);
        node.Image?.Dispose();
        if (Below(node) is { } child)
        {
            child.Parent = null;
        }
    }

    private BlockNode? Below(BlockNode node) => node.Configuration.Child is { } name && TryFind(name, out var child) ? child : null;

    /// <summary>The nodes from one of them down to the image's.</summary>
    private List<BlockNode> Chain(string name)
    {
        var nodes = new List<BlockNode>();
        for (string? next = name; next is not null; next = nodes[^1].Configuration.Child)
        {
            nodes.Add(TryFind(next, out var node)
                ? node
                : throw new BlockException($"Cannot find device='{name}' nor node-name='{name}'"));
        }

        return nodes;
    }
}

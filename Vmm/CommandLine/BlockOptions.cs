// The block nodes, drives and throttle groups that options make. A node comes after the one that it is over, as in QEMU; what names something that
// may come later (a device its disk, a node its throttle group) is checked when all options are read.

using Vmm.Core.Backends.Block;
using Vmm.Core.Configuration;
using Vmm.Core.Devices.Model;

namespace Vmm.CommandLine;

/// <summary>Collects -blockdev, -drive and -object throttle-group, and sees to it that each node has one user at most.</summary>
internal sealed class BlockOptions
{
    private readonly List<BlockNodeConfiguration> _nodes = [];
    private readonly List<DriveConfiguration> _drives = [];
    private readonly List<ThrottleGroupConfiguration> _objects = [];
    private readonly Dictionary<string, ThrottleGroupConfiguration> _groups = new(StringComparer.Ordinal);
    private readonly Dictionary<string, string> _parents = new(StringComparer.Ordinal);
    private readonly HashSet<(string Bus, int Index)> _places = [];

    /// <summary>All nodes, each after the one that it is over.</summary>
    internal IReadOnlyList<BlockNodeConfiguration> Nodes => _nodes;

    /// <summary>All drives.</summary>
    internal IReadOnlyList<DriveConfiguration> Drives => _drives;

    /// <summary>All throttle groups: those of -object, then those that drives made.</summary>
    internal IReadOnlyList<ThrottleGroupConfiguration> ThrottleGroups => [.. _objects, .. _groups.Values];

    /// <summary>Adds a -blockdev: [driver=]DRIVER,node-name=NAME[,...] or the same as a JSON object.</summary>
    internal void AddNode(OptionList options)
    {
        string driver = options.TakeRequired("driver");
        if (!options.Has("node-name"))
        {
            throw new CommandLineException("'node-name' must be specified for the root node");
        }

        var reader = new BlockNodeReader(options, NameOfNext);
        _ = reader.Read(driver);
        options.Finish();
        Add(reader.Nodes);
    }

    /// <summary>Adds what a -drive makes.</summary>
    internal void AddDrive(
        DriveConfiguration drive, IReadOnlyList<BlockNodeConfiguration> nodes, ThrottleGroupConfiguration? group, (string Bus, int Index) place)
    {
        if (nodes.Any(node => node.NodeName == drive.Id))
        {
            throw new CommandLineException($"Device name '{drive.Id}' conflicts with an existing node name");
        }

        Add(nodes);
        _drives.Add(drive);
        _places.Add(place);
        if (group is not null)
        {
            // Drives with the same group share it, and the last one's limits count.
            _groups[group.Id] = group;
        }
    }

    /// <summary>Adds an -object throttle-group.</summary>
    internal void AddGroup(ThrottleGroupConfiguration group) => _objects.Add(group);

    /// <summary>Whether there is such an -object.</summary>
    internal bool HasGroup(string id) => _objects.Exists(group => group.Id == id);

    /// <summary>A name for a node that has been given none.</summary>
    /// <param name="beside">Nodes that are about to be added.</param>
    internal string NameOfNext(IEnumerable<BlockNodeConfiguration> beside) =>
        BlockNodeNames.NextFree(name => _nodes.Exists(node => node.NodeName == name) || beside.Any(node => node.NodeName == name));

    /// <summary>Refuses an id that a drive or a node has.</summary>
    internal void RequireNewDrive(string id)
    {
        if (_drives.Exists(drive => drive.Id == id))
        {
            throw new CommandLineException($"Duplicate ID '{id}' for drive");
        }

        if (_nodes.Exists(node => node.NodeName == id))
        {
            throw new CommandLineException($"Device name '{id}' conflicts with an existing node name");
        }
    }

    /// <summary>The place of a drive on its bus: the one that it asks for, or the next.</summary>
    internal int PlaceOf(string bus, int? wanted)
    {
        if (wanted is { } index)
        {
            return _places.Contains((bus, index))
                ? throw new CommandLineException($"drive with if={bus} and index={index} exists: expected another index, or none for the next that is free")
                : index;
        }

        return Enumerable.Range(0, int.MaxValue).First(next => !_places.Contains((bus, next)));
    }

    /// <summary>Checks that what is named exists, and that no node is used twice.</summary>
    /// <param name="devices">All devices.</param>
    internal void Check(IEnumerable<DeviceConfiguration> devices)
    {
        foreach (var node in _nodes.OfType<ThrottleNodeConfiguration>().Where(node => !HasGroup(node.Group)))
        {
            throw new CommandLineException(
                $"block node '{node.NodeName}': Throttle group '{node.Group}' does not exist: expected the id of an -object {ThrottleGroupConfiguration.TypeName}");
        }

        if (_groups.Keys.FirstOrDefault(HasGroup) is { } both)
        {
            throw new CommandLineException(
                $"throttle group '{both}' of a -drive has the id of an -object {ThrottleGroupConfiguration.TypeName}: expected another throttling.group=, or the node driver throttle for that object");
        }

        var users = new Dictionary<string, string>(_parents, StringComparer.Ordinal);
        foreach (var device in devices)
        {
            foreach (var property in device.Type.Properties.OfType<DriveProperty>())
            {
                if (device.ValueOf(property) is string name)
                {
                    CheckUse(device, property, name, users);
                }
            }
        }
    }

    private void CheckUse(DeviceConfiguration device, DriveProperty property, string name, Dictionary<string, string> users)
    {
        var drive = _drives.Find(drive => drive.Id == name);
        string node = drive?.NodeName ?? name;
        if (!_nodes.Exists(other => other.NodeName == node))
        {
            throw new CommandLineException(
                $"{device.Title}: Property '{device.Type.Name}.{property.Name}' can't find value '{name}': expected the id of a -drive, or the node-name of a -blockdev");
        }

        if (!users.TryAdd(node, device.Title))
        {
            throw new CommandLineException(drive is not null
                ? $"{device.Title}: Drive '{name}' is already in use by another device: {users[node]} has it"
                : $"{device.Title}: Node '{name}' is already in use by {users[node]}: expected one of its own");
        }
    }

    private void Add(IReadOnlyList<BlockNodeConfiguration> nodes)
    {
        foreach (var node in nodes)
        {
            if (_nodes.Exists(other => other.NodeName == node.NodeName))
            {
                throw new CommandLineException($"Duplicate nodes with node-name='{node.NodeName}'");
            }

            if (_drives.Exists(drive => drive.Id == node.NodeName))
            {
                throw new CommandLineException($"node-name={node.NodeName} is conflicting with a device id");
            }

            if (node.Child is { } child)
            {
                TakeChild(node.NodeName, child);
            }

            _nodes.Add(node);
        }
    }

    private void TakeChild(string parent, string child)
    {
        if (!_nodes.Exists(node => node.NodeName == child))
        {
            throw new CommandLineException(
                $"Cannot find device='{child}' nor node-name='{child}': expected the node-name of a -blockdev that stands before this one");
        }

        if (_drives.Find(drive => drive.NodeName == child) is { } drive)
        {
            throw new CommandLineException($"Node '{child}' is already in use by drive '{drive.Id}': expected one of its own for '{parent}'");
        }

        if (!_parents.TryAdd(child, $"node '{parent}'"))
        {
            throw new CommandLineException($"Node '{child}' is already in use by {_parents[child]}: expected one of its own for '{parent}'");
        }
    }
}

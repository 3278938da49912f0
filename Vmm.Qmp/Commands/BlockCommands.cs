// block.json: disks, and the nodes that they are made of.

using Vmm.Core.Backends.Block;
using Vmm.Core.Configuration;
using Vmm.Core.Devices.Model;
using Vmm.Core.Machines;
using Vmm.Qmp.Schema;

namespace Vmm.Qmp.Commands;

/// <summary>The commands of block.json.</summary>
/// <param name="machine">Whose disks they are.</param>
public sealed class BlockCommands(Machine machine) : IBlockCommands
{
    private const int NoSpace = 28; // ENOSPC

    private BlockGraph? Graph => machine.Board?.Blocks;

    /// <inheritdoc/>
    public ValueTask<IReadOnlyList<BlockInfo>> QueryBlock(CommandContext context)
    {
        var disks = Graph?.Disks ?? [];
        return ValueTask.FromResult<IReadOnlyList<BlockInfo>>(Graph is null ? [] :
        [
            .. machine.Configuration.Drives.Select(drive => Describe(drive.NodeName, drive, disks.FirstOrDefault(disk => disk.Drive == drive))),
            .. disks.Where(disk => disk.Drive is null).Select(disk => Describe(disk.NodeName, null, disk)),
        ]);
    }

    /// <inheritdoc/>
    public ValueTask<IReadOnlyList<BlockDeviceInfo>> QueryNamedBlockNodes(CommandContext context, bool? flat) =>
        ValueTask.FromResult<IReadOnlyList<BlockDeviceInfo>>([.. (Graph?.Nodes ?? []).Reverse().Select(node => Node(node.Configuration.NodeName))]);

    /// <inheritdoc/>
    public ValueTask<IReadOnlyList<BlockStats>> QueryBlockstats(CommandContext context, bool? queryNodes)
    {
        if (Graph is not { } graph)
        {
            return ValueTask.FromResult<IReadOnlyList<BlockStats>>([]);
        }

        return ValueTask.FromResult<IReadOnlyList<BlockStats>>(queryNodes == true
            ? [.. graph.Nodes.Reverse().Select(node => Statistics(graph, node.Configuration.NodeName))]
            :
            [
                .. machine.Configuration.Drives.Select(drive =>
                    Statistics(graph, drive.NodeName) with { Device = drive.Id, Qdev = DeviceOf(graph.Disks.FirstOrDefault(disk => disk.Drive == drive)) }),
                .. graph.Disks.Where(disk => disk.Drive is null).Select(disk => Statistics(graph, disk.NodeName) with { Device = "", Qdev = DeviceOf(disk) }),
            ]);
    }

    /// <inheritdoc/>
    public ValueTask BlockdevAdd(CommandContext context, BlockdevOptions arguments)
    {
        var graph = RequireGraph();
        var nodes = new BlockNodes(added => BlockNodeNames.NextFree(name =>
            graph.TryFind(name, out _) || added.Any(node => node.NodeName == name))).Read(arguments);
        foreach (var throttle in nodes.OfType<ThrottleNodeConfiguration>())
        {
            if (!machine.Objects.ThrottleGroups.Any(group => group.Id == throttle.Group))
            {
                throw QmpException.GenericError($"Throttle group '{throttle.Group}' does not exist");
            }
        }

        return Refusals.ToQmpErrors(() => graph.Add(nodes));
    }

    /// <inheritdoc/>
    public ValueTask BlockdevDel(CommandContext context, string nodeName) => Refusals.ToQmpErrors(() => RequireGraph().Remove(nodeName));

    /// <inheritdoc/>
    public ValueTask BlockResize(CommandContext context, string? device, string? nodeName, long size)
    {
        var graph = RequireGraph();
        if (device is null == nodeName is null
            || (device is not null && !machine.Configuration.Drives.Any(drive => drive.Id == device))
            || (nodeName is not null && !graph.TryFind(nodeName, out _)))
        {
            throw QmpException.GenericError($"Cannot find device='{device}' nor node-name='{nodeName}'");
        }

        return size > 0
            ? Refusals.ToQmpErrors(() => graph.Resize(device ?? nodeName!, (ulong)size))
            : throw QmpException.Expects("size", "a >0 size");
    }

    /// <summary>Disks that are about to be another process's do not change any more here.</summary>
    private BlockGraph RequireGraph() => machine.State == Core.Machines.RunState.FinishMigrate
        ? throw QmpException.GenericError("the guest is being handed over to another process: send the command again, to the one that has it then")
        : Graph ?? throw QmpException.GenericError("the guest is not in this process, and neither are its disks: send the command to the process that has it");

    private BlockInfo Describe(string node, DriveConfiguration? drive, BlockDisk? disk) => new()
    {
        Device = drive?.Id ?? "",
        Qdev = DeviceOf(disk),
        Type = "unknown",
        Removable = disk is null,
        Locked = false,
        Inserted = Node(node),
        IoStatus = disk?.StoppedBy switch
        {
            null => null,
            0 => BlockDeviceIoStatus.Ok,
            NoSpace => BlockDeviceIoStatus.Nospace,
            _ => BlockDeviceIoStatus.Failed,
        },
    };

    private BlockDeviceInfo Node(string name)
    {
        var drive = machine.Configuration.Drives.FirstOrDefault(drive => drive.NodeName == name);
        var limits = drive?.ThrottleGroup is { } id ? machine.Configuration.ThrottleGroups.First(group => group.Id == id) : null;
        return BlockReports.Node(Graph!, Graph!.InfoOf(name), drive, limits);
    }

    /// <summary>The statistics of a node, and below them those of the node that it is over.</summary>
    private static BlockStats Statistics(BlockGraph graph, string name)
    {
        _ = graph.TryFind(name, out var node);
        return new BlockStats
        {
            NodeName = name,
            Stats = BlockReports.Statistics(node!.Disk),
            Parent = node.Configuration.Child is { } child ? Statistics(graph, child) : null,
        };
    }

    /// <summary>The device of a disk, by its id or else its path.</summary>
    private string? DeviceOf(BlockDisk? disk)
    {
        var device = disk is null ? null : machine.Devices.FirstOrDefault(placed =>
            placed.Configuration.Type.Properties.OfType<DriveProperty>().Any(property => (placed.Configuration.ValueOf(property) as string) == disk.Name));
        return device?.Configuration.Id ?? device?.Path;
    }
}

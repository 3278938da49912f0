using Vmm.Core.Backends.Block;

namespace Vmm.Core.Configuration;

/// <summary>The nodes of a disk as they are configured.</summary>
internal static class BlockPath
{
    /// <summary>The nodes from the one that a device names, directly or by a drive, down to the image's; empty if there is none.</summary>
    internal static IReadOnlyList<BlockNodeConfiguration> Of(MachineConfiguration machine, string? name)
    {
        var nodes = new List<BlockNodeConfiguration>();
        string? next = machine.Drives.FirstOrDefault(drive => drive.Id == name)?.NodeName ?? name;
        while (machine.BlockNodes.FirstOrDefault(node => node.NodeName == next) is { } node && nodes.Count < machine.BlockNodes.Count)
        {
            nodes.Add(node);
            next = node.Child;
        }

        return nodes;
    }

    /// <summary>What two processes compare of a node.</summary>
    internal static string Describe(BlockNodeConfiguration node) => node switch
    {
        RawNodeConfiguration { Offset: > 0 } or RawNodeConfiguration { Size: not null } => $"{node.Driver} {Window((RawNodeConfiguration)node)}",
        NullNodeConfiguration none => $"{node.Driver} of {none.Size} bytes",
        FileNodeConfiguration => $"{node.Driver} '{node.NodeName}'",
        _ => node.Driver,
    };

    private static string Window(RawNodeConfiguration raw) => raw.Size is { } size ? $"from {raw.Offset}, {size} bytes" : $"from {raw.Offset}";
}

namespace Vmm.Core.Backends.Block;

/// <summary>What a block node is now, for queries.</summary>
/// <param name="Configuration">What it was made from.</param>
/// <param name="Disk">The disk that uses it; null for none.</param>
/// <param name="Length">Its size in bytes.</param>
/// <param name="Allocated">The bytes that its file takes on the host; null for a node without a file, and one whose file cannot be asked.</param>
/// <param name="IsReadOnly">Whether nothing can be written to it.</param>
public sealed record BlockNodeInfo(BlockNodeConfiguration Configuration, BlockDisk? Disk, long Length, ulong? Allocated, bool IsReadOnly)
{
    /// <summary>Looks at a node.</summary>
    /// <param name="chain">The node, and those below it down to the image's.</param>
    internal static BlockNodeInfo Of(IReadOnlyList<BlockNode> chain)
    {
        var image = chain[^1].Image!;
        long length = image.Length;
        foreach (var node in chain.Reverse())
        {
            if (node.Configuration is RawNodeConfiguration raw)
            {
                length = (long?)raw.Size ?? Math.Max(length - (long)raw.Offset, 0);
            }
        }

        return new BlockNodeInfo(
            chain[0].Configuration, chain[0].Disk, length, image.Allocated, !image.IsWritable || chain.Any(node => node.Configuration.ReadOnly));
    }
}

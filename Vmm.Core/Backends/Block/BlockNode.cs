
namespace Vmm.Core.Backends.Block;

/// <summary>A block node that is there.</summary>
public sealed class BlockNode
{
    internal BlockNode(BlockNodeConfiguration configuration, BlockImage? image, bool isAdded)
    {
        (Configuration, Image, IsAdded) = (configuration, image, isAdded);
    }

    /// <summary>What it was made from.</summary>
    public BlockNodeConfiguration Configuration { get; }

    /// <summary>Whether it was added while the guest ran; the command line does not know it then.</summary>
    public bool IsAdded { get; }

    /// <summary>The disk that uses it, directly or through others; null for none.</summary>
    public BlockDisk? Disk { get; internal set; }

    /// <summary>The node over it; null for none.</summary>
    public string? Parent { get; internal set; }

    /// <summary>The image, for a node that is one.</summary>
    internal BlockImage? Image { get; }
}

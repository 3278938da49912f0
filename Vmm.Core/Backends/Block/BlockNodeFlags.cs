namespace Vmm.Core.Backends.Block;

/// <summary>What every node has, and a node that is described within another has from that one unless it says otherwise.</summary>
/// <param name="ReadOnly">read-only=.</param>
/// <param name="AutoReadOnly">auto-read-only=.</param>
/// <param name="Discard">discard=unmap.</param>
/// <param name="Direct">cache.direct=.</param>
/// <param name="NoFlush">cache.no-flush=.</param>
public readonly record struct BlockNodeFlags(bool ReadOnly, bool AutoReadOnly, bool Discard, bool Direct, bool NoFlush)
{
    /// <summary>What the node within one has: it does what is requested of it, so discards stop at the outer one.</summary>
    public BlockNodeFlags ForChild => this with { Discard = true };

    /// <summary>Gives a node these flags.</summary>
    public BlockNodeConfiguration On(BlockNodeConfiguration node)
    {
        ArgumentNullException.ThrowIfNull(node);
        return node with
        {
            ReadOnly = ReadOnly,
            AutoReadOnly = AutoReadOnly,
            Discard = Discard,
            CacheDirect = Direct,
            CacheNoFlush = NoFlush,
        };
    }
}

namespace Vmm.Core.Backends.Block;

/// <summary>A kind of request, as statistics count them.</summary>
public enum BlockTraffic
{
    /// <summary>Reads.</summary>
    Read,

    /// <summary>Writes, those of zeros among them.</summary>
    Write,

    /// <summary>Flushes.</summary>
    Flush,

    /// <summary>Discards.</summary>
    Unmap,
}

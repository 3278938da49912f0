using Vmm.Core.Memory;

namespace Vmm.Migration.Streams;

/// <summary>How far the RAM of a guest is written to a stream or read from one. Counted by one thread, read by others.</summary>
/// <param name="total">Bytes of all blocks.</param>
internal sealed class RamProgress(ulong total)
{
    private ulong _data;
    private ulong _fill;

    /// <summary>Of some blocks.</summary>
    internal static RamProgress Of(IReadOnlyList<RamBlock> blocks) => new(blocks.Aggregate(0UL, (sum, block) => sum + block.Size));

    /// <summary>Bytes of all blocks.</summary>
    internal ulong Total => total;

    /// <summary>Pages whose bytes are in the stream.</summary>
    internal ulong DataPages => Volatile.Read(ref _data);

    /// <summary>Pages of which the stream has one byte, because all are the same.</summary>
    internal ulong FillPages => Volatile.Read(ref _fill);

    /// <summary>Bytes of RAM still to come.</summary>
    internal ulong Remaining => total - Math.Min(total, (DataPages + FillPages) * VmStateStream.PageSize);

    internal void CountData(ulong pages) => Volatile.Write(ref _data, _data + pages);

    internal void CountFill(ulong pages) => Volatile.Write(ref _fill, _fill + pages);
}

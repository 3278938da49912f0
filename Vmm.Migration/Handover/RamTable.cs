using Vmm.Core.Machines;
using Vmm.Migration.Streams;

namespace Vmm.Migration.Handover;

/// <summary>A board's RAM blocks as a stream lists them.</summary>
internal static class RamTable
{
    internal static IReadOnlyList<RamTableEntry> Of(Board board) =>
        [.. board.Ram.Select(block => new RamTableEntry(block.Name, block.Size))];
}

using System.Globalization;

namespace Vmm.Core.Backends.Block;

/// <summary>What a node must keep, whatever other nodes there are.</summary>
public static class BlockNodeRules
{
    private const ulong Sector = 512;

    /// <summary>What is wrong with a node; null for one that is right.</summary>
    public static string? Violation(BlockNodeConfiguration node) => node switch
    {
        FileNodeConfiguration { Filename.Length: 0 } => "Parameter 'filename' expects a path, not ''",
        FileNodeConfiguration file when file.Filename.Contains('\0', StringComparison.Ordinal) => "Parameter 'filename' expects a path without zero bytes",
        RawNodeConfiguration { Size: { } size } when size % Sector != 0 => "Specified size is not multiple of 512",
        RawNodeConfiguration raw when raw.Offset % Sector != 0 => string.Create(CultureInfo.InvariantCulture, $"Parameter 'offset' expects a multiple of {Sector}, not {raw.Offset}"),
        RawNodeConfiguration raw when raw.Offset > long.MaxValue || (raw.Size ?? 0) > long.MaxValue - raw.Offset => "Parameters 'offset' and 'size' expect a range below 8 EiB",
        NullNodeConfiguration { Size: > long.MaxValue / 2 } => "Parameter 'size' expects a size below 4 EiB",
        _ => null,
    };
}

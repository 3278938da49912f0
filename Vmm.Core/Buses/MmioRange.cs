namespace Vmm.Core.Buses;

/// <summary>A run of guest-physical addresses without memory behind.</summary>
/// <param name="First">The first address.</param>
/// <param name="Length">How many bytes.</param>
public readonly record struct MmioRange(ulong First, ulong Length)
{
    /// <summary>The address after the last one.</summary>
    public ulong End => First + Length;
}

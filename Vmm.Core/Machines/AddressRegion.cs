namespace Vmm.Core.Machines;

/// <summary>A run of addresses or ports that something answers.</summary>
/// <param name="IsPorts">Whether it is in the I/O port space.</param>
/// <param name="IsRam">Whether it is guest RAM; otherwise a device answers.</param>
/// <param name="First">The first address or port.</param>
/// <param name="Last">The last one.</param>
/// <param name="Name">What answers.</param>
public sealed record AddressRegion(bool IsPorts, bool IsRam, ulong First, ulong Last, string Name);

namespace Vmm.Core.Devices.Virtio;

/// <summary>A run of guest memory that a driver has given to a device. Nothing says yet that it is RAM.</summary>
/// <param name="Address">The guest-physical address.</param>
/// <param name="Length">Bytes, at least one.</param>
public readonly record struct DescriptorSegment(ulong Address, uint Length);

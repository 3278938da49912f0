namespace Vmm.Core.Hypervisors;

/// <summary>A run of guest-physical memory and where it is mapped in this process.</summary>
/// <param name="Index">The slot's number, unique in the VM.</param>
/// <param name="GuestAddress">Guest-physical address, page aligned.</param>
/// <param name="Size">Bytes, a whole number of pages.</param>
/// <param name="HostAddress">Where it is mapped here.</param>
public readonly record struct MemorySlot(int Index, ulong GuestAddress, ulong Size, nint HostAddress);

using Vmm.Core.Devices.Model;
using Vmm.Core.Hypervisors;

namespace Vmm.Core.Machines;

/// <summary>A run of addresses or ports that something answers.</summary>
/// <param name="IsPorts">Whether it is in the I/O port space.</param>
/// <param name="IsRam">Whether it is guest RAM; otherwise a device answers.</param>
/// <param name="First">The first address or port.</param>
/// <param name="Last">The last one.</param>
/// <param name="Name">What answers.</param>
public sealed record AddressRegion(bool IsPorts, bool IsRam, ulong First, ulong Last, string Name)
{
    /// <summary>Every run of a board, apart from those of the in-kernel devices.</summary>
    internal static IEnumerable<AddressRegion> Of(IReadOnlyList<MemorySlot> slots, DeviceTree devices) =>
    [
        .. slots.Select(slot => new AddressRegion(IsPorts: false, IsRam: true, slot.GuestAddress, slot.GuestAddress + slot.Size - 1, "ram")),
        .. from device in devices.Devices
           from attached in device.PortDevices
           from region in attached.Regions
           select new AddressRegion(IsPorts: true, IsRam: false, region.Ports.First, (ulong)region.Ports.End - 1, device.Configuration.Type.Name),
        .. from device in devices.Devices
           from attached in device.MmioDevices
           select new AddressRegion(IsPorts: false, IsRam: false, attached.Range.First, attached.Range.End - 1, device.Configuration.Type.Name),
    ];
}

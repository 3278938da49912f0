namespace Vmm.Core.Devices.Virtio.Console;

/// <summary>What QEMU saves of a port.</summary>
/// <param name="Number">Which port it is.</param>
/// <param name="GuestOpen">Whether the guest's end is open.</param>
/// <param name="HostOpen">Whether the host's end is open.</param>
/// <param name="Consumed">How much of a chain was taken by the back end, where the chain was not given back; null where there is none.</param>
internal readonly record struct SavedPort(uint Number, bool GuestOpen, bool HostOpen, uint? Consumed);

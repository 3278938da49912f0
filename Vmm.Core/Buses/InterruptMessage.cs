namespace Vmm.Core.Buses;

/// <summary>An interrupt as a message to the local APICs (MSI), as a PCI function would write it.</summary>
/// <param name="Address">Destination and destination mode: 0xfee00000 and up.</param>
/// <param name="Data">Vector and delivery mode.</param>
public readonly record struct InterruptMessage(ulong Address, uint Data);

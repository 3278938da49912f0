namespace Vmm.Core.Acpi;

/// <summary>What the MADT says of an I/O APIC.</summary>
/// <param name="Id">Its id.</param>
/// <param name="Address">Where its registers are.</param>
/// <param name="FirstInterrupt">The global system interrupt of its first input.</param>
public sealed record IoApicDescription(byte Id, uint Address, uint FirstInterrupt);

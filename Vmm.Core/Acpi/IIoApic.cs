namespace Vmm.Core.Acpi;

/// <summary>A device that is an I/O APIC beside the first one, which every machine has.</summary>
internal interface IIoApic
{
    /// <summary>What the MADT says of it.</summary>
    IoApicDescription Description { get; }
}

using Vmm.Core.Configuration;

namespace Vmm.Core.Acpi;

/// <summary>What differs from machine to machine in the tables; everything else is always there.</summary>
/// <param name="CpuCount">How many vCPUs; their APIC ids are 0 to <paramref name="CpuCount"/> - 1.</param>
/// <param name="Serials">The serial ports.</param>
public sealed record AcpiPlatform(int CpuCount, IReadOnlyList<SerialConfiguration> Serials);

namespace Vmm.Core.Acpi;

/// <summary>What differs from machine to machine in the tables.</summary>
/// <param name="CpuCount">How many vCPUs; their APIC ids are 0 to <paramref name="CpuCount"/> - 1.</param>
/// <param name="FixedHardware">Where the fixed hardware is.</param>
/// <param name="IoApics">I/O APICs beside the first one, which every machine has.</param>
/// <param name="Nodes">The devices that a guest cannot find by itself, each as AML.</param>
public sealed record AcpiPlatform(int CpuCount, FixedHardware FixedHardware, IReadOnlyList<IoApicDescription> IoApics, IReadOnlyList<byte[]> Nodes);

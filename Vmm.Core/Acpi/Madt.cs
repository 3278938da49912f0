// The multiple APIC description table: the processors and the way of interrupts.
//
// ISA interrupts arrive at the IOAPIC input of their own number, with two exceptions. The PIT (0) arrives at input 2, as on
// every PC, and the hypervisor routes it there. The SCI (9) is level-triggered and active high, unlike the other ISA interrupts.
// An APIC id of 255 means "all" to an APIC in xAPIC mode, so from there on processors are listed as x2APICs.
// Source: ACPI specification 6.5, chapter 5.2.12.

namespace Vmm.Core.Acpi;

/// <summary>Writes the MADT.</summary>
internal static class Madt
{
    /// <summary>Where the IOAPIC is.</summary>
    internal const uint IoApicAddress = 0xfec00000;

    /// <summary>Where each vCPU sees its local APIC.</summary>
    internal const uint LocalApicAddress = 0xfee00000;

    private static readonly IoApicDescription First = new(Id: 0, IoApicAddress, FirstInterrupt: 0);

    private const byte Revision = 5;
    private const uint PcCompatible = 1; // there are two 8259s as well
    private const int FirstX2Apic = 255;
    private const byte PitInterrupt = 0;
    private const uint PitInput = 2;
    private const ushort ConformsToBus = 0;
    private const ushort LevelActiveHigh = 0b11_01;

    /// <summary>The table for a platform.</summary>
    internal static byte[] Create(AcpiPlatform platform)
    {
        int cpus = platform.CpuCount;
        byte sci = platform.FixedHardware.SystemControlInterrupt;
        List<byte> body = [.. Dword(LocalApicAddress), .. Dword(PcCompatible)];
        for (int cpu = 0; cpu < cpus; cpu++)
        {
            body.AddRange(cpu < FirstX2Apic ? LocalApic((byte)cpu) : LocalX2Apic((uint)cpu));
        }

        body.AddRange(IoApic(First));
        body.AddRange(platform.IoApics.SelectMany(IoApic));
        body.AddRange(Override(PitInterrupt, PitInput, ConformsToBus));
        body.AddRange(Override(sci, sci, LevelActiveHigh));
        body.AddRange(LocalApicNmi());
        if (cpus > FirstX2Apic)
        {
            body.AddRange(LocalX2ApicNmi());
        }

        return SystemTable.Create("APIC", Revision, [.. body]);
    }

    private const uint Enabled = 1;
    private const byte Lint1 = 1;

    private static byte[] LocalApic(byte id) => [0, 8, id, id, .. Dword(Enabled)];

    private static byte[] LocalX2Apic(uint id) => [9, 16, 0, 0, .. Dword(id), .. Dword(Enabled), .. Dword(id)];

    private static byte[] IoApic(IoApicDescription chip) => [1, 12, chip.Id, 0, .. Dword(chip.Address), .. Dword(chip.FirstInterrupt)];

    private static byte[] Override(byte interrupt, uint input, ushort flags) => [2, 10, 0, interrupt, .. Dword(input), .. Word(flags)];

    private static byte[] LocalApicNmi() => [4, 6, 0xff, 0, 0, Lint1];

    private static byte[] LocalX2ApicNmi() => [0xa, 12, 0, 0, .. Dword(uint.MaxValue), Lint1, 0, 0, 0];

    private static byte[] Word(ushort value) => [(byte)value, (byte)(value >> 8)];

    private static byte[] Dword(uint value) => [(byte)value, (byte)(value >> 8), (byte)(value >> 16), (byte)(value >> 24)];
}

using System.Globalization;
using Vmm.Core.Configuration;
using Vmm.Core.Devices.Acpi;
using Vmm.Core.Devices.Cmos;
using static Vmm.Core.Acpi.Aml;

namespace Vmm.Core.Acpi;

/// <summary>
/// Writes the DSDT: the devices that a guest cannot find by itself, and what to write into PM1 control to switch off.
/// </summary>
internal static class Dsdt
{
    private const byte Revision = 2;
    private const byte SerialPortCount = 8;

    /// <summary>The table for a platform.</summary>
    internal static byte[] Create(AcpiPlatform platform)
    {
        byte[] switchOff = Integer(AcpiRegisters.SleepTypeS5);
        return SystemTable.Create("DSDT", Revision,
        [
            .. Scope("\\_SB", [.. Processors(platform.CpuCount), .. platform.Serials.Select(Serial), Clock(), PowerButton()]),
            .. Name("\\_S5", Package(switchOff, switchOff, Integer(0), Integer(0))),
        ]);
    }

    private static IEnumerable<byte[]> Processors(int count) => Enumerable.Range(0, count).Select(cpu =>
        Device(string.Create(CultureInfo.InvariantCulture, $"C{cpu:X3}"),
            Name("_HID", Aml.String("ACPI0007")),
            Name("_UID", Integer((uint)cpu))));

    private static byte[] Serial(SerialConfiguration serial) =>
        Device(string.Create(CultureInfo.InvariantCulture, $"COM{serial.Index + 1}"),
            Name("_HID", EisaId("PNP0501")),
            Name("_UID", Integer((uint)serial.Index + 1)),
            Name("_CRS", Resources(Ports(serial.IoBase, SerialPortCount), Interrupt(serial.Irq))));

    private static byte[] Clock() =>
        Device("RTC",
            Name("_HID", EisaId("PNP0B00")),
            Name("_CRS", Resources(Ports(CmosRegisters.IndexPort, 2), Interrupt(CmosRegisters.Interrupt))));

    private static byte[] PowerButton() => Device("PWRB", Name("_HID", EisaId("PNP0C0C")));
}

using System.Globalization;
using static Vmm.Core.Acpi.Aml;

namespace Vmm.Core.Acpi;

/// <summary>
/// Writes the DSDT: the devices that a guest cannot find by itself, and what to write into PM1 control to switch off.
/// </summary>
internal static class Dsdt
{
    private const byte Revision = 2;

    /// <summary>The table for a platform.</summary>
    internal static byte[] Create(AcpiPlatform platform)
    {
        byte[] switchOff = Integer(platform.FixedHardware.SleepTypeS5);
        return SystemTable.Create("DSDT", Revision,
        [
            .. Scope("\\_SB", [.. Processors(platform.CpuCount), .. platform.Nodes]),
            .. Name("\\_S5", Package(switchOff, switchOff, Integer(0), Integer(0))),
        ]);
    }

    private static IEnumerable<byte[]> Processors(int count) => Enumerable.Range(0, count).Select(cpu =>
        Device(string.Create(CultureInfo.InvariantCulture, $"C{cpu:X3}"),
            Name("_HID", Aml.String("ACPI0007")),
            Name("_UID", Integer((uint)cpu))));
}

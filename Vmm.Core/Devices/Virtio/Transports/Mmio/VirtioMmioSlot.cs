using System.Globalization;
using Vmm.Core.Buses;
using static Vmm.Core.Acpi.Aml;

namespace Vmm.Core.Devices.Virtio.Transports.Mmio;

/// <summary>One of the places that a machine has for virtio over MMIO: addresses and an interrupt, where QEMU's microvm has them.</summary>
/// <param name="Number">0 to <see cref="Count"/> - 1.</param>
internal readonly record struct VirtioMmioSlot(uint Number)
{
    /// <summary>How many places there are.</summary>
    internal const int Count = 24;

    private const ulong First = 0xfeb0_0000;
    private const uint Length = 0x200;
    private const uint FirstInterrupt = 24;
    private const string BusPrefix = "virtio-mmio-bus.";

    /// <summary>The buses of all places, by number.</summary>
    internal static string[] Buses { get; } = [.. Enumerable.Range(0, Count).Select(number => new VirtioMmioSlot((uint)number).Bus)];

    /// <summary>The name of its bus.</summary>
    internal string Bus => string.Create(CultureInfo.InvariantCulture, $"{BusPrefix}{Number}");

    internal MmioRange Range => new(First + (Number * Length), Length);

    /// <summary>Its global system interrupt.</summary>
    internal int Interrupt => (int)(FirstInterrupt + Number);

    /// <summary>What it is called in the section of state of its device.</summary>
    internal string SectionName => string.Create(CultureInfo.InvariantCulture, $"virtio-mmio@{Range.First:x16}");

    /// <summary>The node in the ACPI namespace of a place with a device; Linux finds such devices in no other way.</summary>
    internal byte[] Aml() => Device(
        string.Create(CultureInfo.InvariantCulture, $"VR{Number:D2}"),
        Name("_HID", String("LNRO0005")),
        Name("_UID", Integer(Number)),
        Name("_CCA", Integer(1)),
        Name("_CRS", Resources(Memory32((uint)Range.First, Length), ExtendedInterrupt((uint)Interrupt))));

    internal static VirtioMmioSlot OfBus(string bus) => new((uint)Array.IndexOf(Buses, bus));
}

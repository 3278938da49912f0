using Vmm.Core.Configuration;
using Vmm.Core.Devices.Model;

namespace Vmm.Core.Machines.Types;

/// <summary>microvm: a PC without firmware and without PCI; a kernel is loaded directly.</summary>
public sealed class Microvm : MachineType
{
    /// <summary>The second revision has a second I/O APIC, which only the ACPI tables announce.</summary>
    private const int WithIoApic = 2;

    private const string Memfd = "memfd";
    private const string Mmap = "mmap";

    /// <inheritdoc/>
    public override string Name => "microvm";

    /// <inheritdoc/>
    public override string Description => "PC without firmware and PCI, boots a kernel directly";

    /// <inheritdoc/>
    public override IReadOnlyList<MachineProperty> Properties { get; } =
    [
        new(
            new OnOffAutoProperty("acpi", "ACPI tables and fixed hardware: power button, power-off, timer") { Default = true },
            machine => machine.Acpi,
            (machine, value) => machine with { Acpi = (bool)value }),
        new(
            new ChoiceProperty("anon-alloc", "how RAM without a backend is allocated: shared as a memfd, or private", "AnonAllocOption", Memfd, Mmap) { Default = Mmap },
            machine => machine.AnonAllocMemfd ? Memfd : Mmap,
            (machine, value) => machine with { AnonAllocMemfd = (string)value == Memfd }),
        new(
            new SwitchProperty("aux-ram-share", "RAM without a backend is shared, so that a live update can hand it on") { Default = false },
            machine => machine.AuxRamShare,
            (machine, value) => machine with { AuxRamShare = (bool)value }),
        new(
            new SwitchProperty("dump-guest-core", "guest RAM enters core dumps of the process") { Default = true },
            machine => machine.DumpGuestCore,
            (machine, value) => machine with { DumpGuestCore = (bool)value }),
        new(
            new OnOffAutoProperty("ioapic2", "second I/O APIC, whose interrupts virtio devices have; needs acpi") { Default = true },
            machine => machine.SecondIoApic,
            (machine, value) => machine with { SecondIoApic = (bool)value }),
        new(
            new IdProperty("memory-backend", "id of the memory backend that is the guest's RAM"),
            machine => machine.MemoryBackendId,
            (machine, value) => machine with { MemoryBackendId = (string)value }),
        new(
            new SwitchProperty("suppress-vmdesc", "a saved guest's stream ends without the description of itself") { Default = false },
            machine => machine.SuppressDescription,
            (machine, value) => machine with { SuppressDescription = (bool)value }),
        Fixed("graphics", "graphics", only: false),
        Fixed("kernel-irqchip", "interrupt controllers in the kernel", only: true),
        Fixed("mem-merge", "merging of equal pages", only: false),
        Fixed("pcie", "PCI Express", only: false),
        Fixed("pic", "8259 interrupt controllers", only: true),
        Fixed("pit", "8254 timer", only: true),
        Fixed("rtc", "CMOS clock", only: true),
        Fixed("smm", "system management mode", only: false),
        Fixed("usb", "USB controller", only: false),
        Fixed("vmport", "VMware's port", only: false),
        Fixed("x-option-roms", "option ROMs", only: false),
    ];

    /// <inheritdoc/>
    public override int NewestRevision => WithIoApic;

    /// <inheritdoc/>
    public override int RevisionToStart(MachineConfiguration configuration)
    {
        ArgumentNullException.ThrowIfNull(configuration);
        return configuration.Acpi && configuration.SecondIoApic ? WithIoApic : FirstRevision;
    }

    /// <inheritdoc/>
    protected override void Check(MachineConfiguration configuration, int revision)
    {
        ArgumentNullException.ThrowIfNull(configuration);
        if (configuration.Devices.FirstOrDefault(device => device.Type.Bus == "virtio-bus") is { } device && revision < WithIoApic)
        {
            throw new DeviceException($"{device.Title} needs the second I/O APIC, which this guest's board lacks: expected -machine acpi=on,ioapic2=on when the guest is started");
        }
    }

    /// <inheritdoc/>
    protected override IEnumerable<string> OwnDevices(MachineConfiguration configuration, int revision)
    {
        yield return "mc146818rtc";
        yield return "i8042";
        if (configuration.Acpi)
        {
            yield return "acpi-pm";
            if (revision >= WithIoApic)
            {
                yield return "ioapic";
            }
        }
    }

    private static MachineProperty Fixed(string name, string help, bool only) =>
        new(new FixedProperty(name, help, "this machine", only) { Default = only }, _ => only, (machine, _) => machine);
}

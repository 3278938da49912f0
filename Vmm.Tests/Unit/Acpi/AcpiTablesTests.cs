using System.Buffers.Binary;
using System.Text;
using Vmm.Core.Acpi;
using Vmm.Core.Devices.Isa.Acpi;
using Vmm.Core.Devices.Isa.Cmos;
using Vmm.Core.Devices.Isa.Serial;
using Vmm.Core.Devices.Model;
using Vmm.Core.Devices.Virtio.Transports.Mmio;
using Vmm.Tests.Unit.Devices;

namespace Vmm.Tests.Unit.Acpi;

[Parallelizable(ParallelScope.All)]
public sealed class AcpiTablesTests
{
    private const int HeaderLength = 36;

    private static readonly byte[] Tables = AcpiTables.Create(Platform(cpus: 4));

    [Test]
    public void The_root_pointer_is_where_guests_look_for_it_and_both_its_checksums_are_right() => Assert.Multiple(() =>
    {
        Assert.That(AcpiTables.Address, Is.InRange(0xe0000, 0xfffff).And.Matches<uint>(a => a % 16 == 0));
        Assert.That(Encoding.ASCII.GetString(Tables, 0, 8), Is.EqualTo("RSD PTR "));
        Assert.That(Sum(Tables.AsSpan(0, 20)), Is.Zero);
        Assert.That(Sum(Tables.AsSpan(0, 36)), Is.Zero);
        Assert.That(Dword(Tables, 20), Is.EqualTo(36));
    });

    [Test]
    public void Every_pointer_leads_to_its_table_and_every_checksum_is_right() => Assert.Multiple(() =>
    {
        foreach (string signature in new[] { "XSDT", "FACP", "APIC", "DSDT" })
        {
            byte[] table = Table(Tables, signature);
            Assert.That(Encoding.ASCII.GetString(table, 0, 4), Is.EqualTo(signature));
            Assert.That(Sum(table), Is.Zero, signature);
        }
    });

    [Test]
    public void The_tables_of_the_largest_machine_fit_below_1_mib([Values(1, 64, 255, 512)] int cpus)
    {
        byte[] tables = AcpiTables.Create(Platform(cpus));

        Assert.That(tables, Has.Length.LessThanOrEqualTo(AcpiTables.End - AcpiTables.Address));
        Assert.That(Sum(Table(tables, "DSDT")), Is.Zero);
    }

    [Test]
    public void More_vcpus_than_the_area_has_room_for_are_refused() =>
        Assert.That(() => AcpiTables.Create(Platform(100_000)), Throws.ArgumentException.With.Message.Contains("100000 vCPUs"));

    [Test]
    public void The_control_structure_is_aligned_to_64_bytes()
    {
        uint facs = Dword(Table(Tables, "FACP"), 36);

        Assert.That(facs % 64, Is.Zero);
        Assert.That(Encoding.ASCII.GetString(Tables, (int)(facs - AcpiTables.Address), 4), Is.EqualTo("FACS"));
    }

    [Test]
    public void The_fixed_hardware_is_where_the_devices_are() => Assert.Multiple(() =>
    {
        byte[] fadt = Table(Tables, "FACP");
        Assert.That(fadt, Has.Length.EqualTo(276));
        Assert.That(BinaryPrimitives.ReadUInt16LittleEndian(fadt.AsSpan(46)), Is.EqualTo(9), "SCI_INT");
        Assert.That(Dword(fadt, 48), Is.Zero, "SMI_CMD");
        Assert.That(Dword(fadt, 56), Is.EqualTo(0x600), "PM1a_EVT_BLK");
        Assert.That(Dword(fadt, 64), Is.EqualTo(0x604), "PM1a_CNT_BLK");
        Assert.That(Dword(fadt, 76), Is.EqualTo(0x608), "PM_TMR_BLK");
        Assert.That(fadt[88..92], Is.EqualTo(new byte[] { 4, 2, 0, 4 }), "lengths");
        Assert.That(fadt[116..129], Is.EqualTo(new byte[] { 1, 8, 0, 1, 0x64, 0, 0, 0, 0, 0, 0, 0, 0xfe }), "reset register and value");
        Assert.That(BinaryPrimitives.ReadUInt64LittleEndian(fadt.AsSpan(140)), Is.EqualTo(Dword(fadt, 40)), "X_DSDT");
    });

    [Test]
    public void The_power_button_is_the_fixed_one_and_the_hardware_is_not_reduced()
    {
        const uint PowerButtonIsNotFixed = 1 << 4, ResetSupported = 1 << 10, TimerHas32Bits = 1 << 8, HardwareReduced = 1 << 20;

        uint flags = Dword(Table(Tables, "FACP"), 112);

        Assert.That(flags & (PowerButtonIsNotFixed | ResetSupported | TimerHas32Bits | HardwareReduced), Is.EqualTo(ResetSupported));
    }

    [Test]
    public void Every_vcpu_is_listed_and_interrupts_0_and_9_are_overridden()
    {
        var entries = Entries(Table(Tables, "APIC"));

        Assert.Multiple(() =>
        {
            Assert.That(entries.Where(e => e[0] == 0).Select(e => (int)e[3]), Is.EqualTo(new[] { 0, 1, 2, 3 }), "local APICs");
            Assert.That(entries.Where(e => e[0] == 0).Select(e => Dword(e, 4)), Is.All.EqualTo(1), "enabled");
            Assert.That(entries.Where(e => e[0] == 2).Select(e => (e[3], Dword(e, 4), e[8])), Is.EqualTo(new[] { ((byte)0, 2u, (byte)0), ((byte)9, 9u, (byte)0xd) }));
            Assert.That(entries.Single(e => e[0] == 1).AsSpan(4, 4).ToArray(), Is.EqualTo(new byte[] { 0, 0, 0xc0, 0xfe }), "IOAPIC");
            Assert.That(entries.Single(e => e[0] == 4), Is.EqualTo(new byte[] { 4, 6, 0xff, 0, 0, 1 }), "NMI at LINT1");
        });
    }

    [Test]
    public void Processors_from_255_on_are_listed_as_x2apics()
    {
        var entries = Entries(Table(AcpiTables.Create(Platform(257)), "APIC"));

        Assert.That(entries.Count(e => e[0] == 0), Is.EqualTo(255));
        Assert.That(entries.Where(e => e[0] == 9).Select(e => Dword(e, 4)), Is.EqualTo(new[] { 255u, 256u }));
    }

    internal static AcpiPlatform Platform(int cpus) =>
        new(cpus, AcpiType.FixedHardware, [], [.. Serials().Select(SerialType.AmlOf), CmosType.Aml, AcpiType.PowerButton, new VirtioMmioSlot(23).Aml()]);

    private static IReadOnlyList<DeviceConfiguration> Serials() =>
        SerialType.Instance.Complete([DeviceOption.Parse("isa-serial,chardev=a"), DeviceOption.Parse("isa-serial,chardev=b")]);

    /// <summary>Finds a table as a guest does: from the root pointer on.</summary>
    internal static byte[] Table(byte[] tables, string signature)
    {
        byte[] xsdt = At(BinaryPrimitives.ReadUInt64LittleEndian(tables.AsSpan(24)));
        var pointers = Enumerable.Range(0, (xsdt.Length - HeaderLength) / 8)
            .Select(i => At(BinaryPrimitives.ReadUInt64LittleEndian(xsdt.AsSpan(HeaderLength + (8 * i)))))
            .ToDictionary(t => Encoding.ASCII.GetString(t, 0, 4));
        return signature switch
        {
            "XSDT" => xsdt,
            "DSDT" => At(Dword(pointers["FACP"], 40)),
            _ => pointers[signature],
        };

        byte[] At(ulong address)
        {
            int offset = checked((int)(address - AcpiTables.Address));
            return tables[offset..(offset + (int)Dword(tables, offset + 4))];
        }
    }

    private static List<byte[]> Entries(byte[] madt)
    {
        List<byte[]> entries = [];
        for (int at = HeaderLength + 8; at < madt.Length; at += madt[at + 1])
        {
            entries.Add(madt[at..(at + madt[at + 1])]);
        }

        return entries;
    }

    private static byte Sum(ReadOnlySpan<byte> bytes)
    {
        byte sum = 0;
        foreach (byte b in bytes)
        {
            sum += b;
        }

        return sum;
    }

    private static uint Dword(byte[] bytes, int offset) => BinaryPrimitives.ReadUInt32LittleEndian(bytes.AsSpan(offset));
}

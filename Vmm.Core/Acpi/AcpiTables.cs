// The ACPI tables and how they point at each other.
//
//   RSDP --> XSDT --> FADT --> FACS
//                 |        \-> DSDT
//                 \-> MADT
//
// All are in one run, RSDP first, in the BIOS area below 1 MiB: where a guest without the RSDP's address looks for it, and
// where no guest expects memory of its own. The memory map says "reserved" there.

using System.Buffers.Binary;

namespace Vmm.Core.Acpi;

/// <summary>The tables of a machine, ready to be written to guest memory.</summary>
public static class AcpiTables
{
    /// <summary>Where the tables go: the address of the RSDP.</summary>
    public const uint Address = 0xe0000;

    /// <summary>The first address that is not theirs.</summary>
    public const uint End = 0x100000;

    private const int TableAlignment = 16;
    private const int FacsAlignment = 64;

    /// <summary>Makes the tables, as they must be from <see cref="Address"/> on.</summary>
    /// <exception cref="ArgumentException">There are more vCPUs than the area has room for.</exception>
    public static byte[] Create(AcpiPlatform platform)
    {
        ArgumentNullException.ThrowIfNull(platform);
        List<byte> run = [.. new byte[RsdpLength]];
        uint facs = Append(run, Facs(), FacsAlignment);
        uint dsdt = Append(run, Dsdt.Create(platform), TableAlignment);
        uint fadt = Append(run, Fadt.Create(platform.FixedHardware, facs, dsdt), TableAlignment);
        uint madt = Append(run, Madt.Create(platform), TableAlignment);
        uint xsdt = Append(run, Xsdt(fadt, madt), TableAlignment);
        if (run.Count > End - Address)
        {
            throw new ArgumentException($"the ACPI tables of {platform.CpuCount} vCPUs take {run.Count} bytes, there is room for {End - Address}");
        }

        byte[] tables = [.. run];
        WriteRsdp(tables, xsdt);
        return tables;
    }

    private static uint Append(List<byte> run, byte[] table, int alignment)
    {
        while (run.Count % alignment != 0)
        {
            run.Add(0);
        }

        uint address = Address + (uint)run.Count;
        run.AddRange(table);
        return address;
    }

    private static byte[] Xsdt(params ulong[] tables)
    {
        byte[] pointers = new byte[tables.Length * sizeof(ulong)];
        for (int i = 0; i < tables.Length; i++)
        {
            BinaryPrimitives.WriteUInt64LittleEndian(pointers.AsSpan(i * sizeof(ulong)), tables[i]);
        }

        return SystemTable.Create("XSDT", 1, pointers);
    }

    /// <summary>The firmware ACPI control structure: the global lock and wake-up vectors, none of which is used here.</summary>
    private static byte[] Facs()
    {
        const int Length = 64;
        const byte Version = 2;
        byte[] facs = new byte[Length];
        "FACS"u8.CopyTo(facs);
        BinaryPrimitives.WriteInt32LittleEndian(facs.AsSpan(4), Length);
        facs[32] = Version;
        return facs;
    }

    private const int RsdpLength = 36;

    /// <summary>The root pointer: two checksums, over the first 20 bytes as version 1 had them and over all.</summary>
    private static void WriteRsdp(Span<byte> tables, uint xsdt)
    {
        const int FirstVersionLength = 20;
        const byte Version2 = 2;
        var rsdp = tables[..RsdpLength];
        "RSD PTR "u8.CopyTo(rsdp);
        SystemTable.OemId.CopyTo(rsdp[9..]);
        rsdp[15] = Version2;
        BinaryPrimitives.WriteInt32LittleEndian(rsdp[20..], RsdpLength);
        BinaryPrimitives.WriteUInt64LittleEndian(rsdp[24..], xsdt);
        rsdp[8] = SystemTable.Checksum(rsdp[..FirstVersionLength]);
        rsdp[32] = SystemTable.Checksum(rsdp);
    }
}

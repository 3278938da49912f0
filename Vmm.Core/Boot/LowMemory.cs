// Where the loaders put their own data, all in the first megabyte:
//
//   0x00500  global descriptor table          (long mode)
//   0x06000  start info, module, memory map   (PVH)
//   0x07000  zero page                        (Linux)
//   0x09000  page tables                      (long mode)
//   0x20000  command line, up to 64 KiB
//   0xe0000  ACPI tables
//
// Guests take what they need from there early and then use the memory as they like; a reset writes it anew.

using System.Buffers.Binary;
using System.Text;
using Vmm.Core.Acpi;

namespace Vmm.Core.Boot;

/// <summary>The loaders' places in low memory, and what both protocols put there.</summary>
internal static class LowMemory
{
    /// <summary>The global descriptor table.</summary>
    internal const ulong DescriptorTable = 0x500;

    /// <summary>PVH's start info.</summary>
    internal const ulong StartInfo = 0x6000;

    /// <summary>Linux's zero page.</summary>
    internal const ulong ZeroPage = 0x7000;

    /// <summary>The page tables.</summary>
    internal const ulong PageTables = 0x9000;

    /// <summary>The command line.</summary>
    internal const ulong CommandLine = 0x20000;

    /// <summary>How many bytes a command line can have here, without the NUL at its end.</summary>
    internal const uint MostCommandLine = 0xffff;

    /// <summary>Writes the command line.</summary>
    /// <param name="area">Where to.</param>
    /// <param name="text">The command line.</param>
    /// <param name="most">How many bytes the kernel takes, without the NUL at the end.</param>
    /// <param name="kernel">The kernel, for messages.</param>
    internal static void PlaceCommandLine(BootArea area, string text, uint most, BootFile kernel)
    {
        byte[] bytes = Encoding.UTF8.GetBytes(text);
        if (bytes.Contains((byte)0))
        {
            throw new BootException("the kernel command line contains a NUL character, which would end it");
        }

        if (bytes.Length > most)
        {
            throw new BootException($"the kernel command line has {bytes.Length} bytes, '{kernel.Path}' takes at most {most}");
        }

        area.Place("the command line", CommandLine, [.. bytes, 0]);
    }

    /// <summary>Writes the ACPI tables, if the machine has them.</summary>
    /// <returns>The RSDP's address; 0 without tables.</returns>
    internal static uint PlaceAcpi(BootArea area, AcpiPlatform? platform)
    {
        if (platform is null)
        {
            return 0;
        }

        area.Place("the ACPI tables", AcpiTables.Address, AcpiTables.Create(platform));
        return AcpiTables.Address;
    }

    /// <summary>Writes page tables that map the first 4 GiB to themselves, in pages of 2 MiB.</summary>
    internal static void PlaceIdentityPageTables(BootArea area)
    {
        const int Page = 4096;
        const int EntriesPerTable = 512;
        const int Directories = 4;
        const ulong PresentWritable = 0x3;
        const ulong Large = 0x80;
        const ulong LargePage = 2 << 20;
        byte[] tables = new byte[(2 + Directories) * Page];
        Entry(0, PageTables + Page);
        for (int i = 0; i < Directories; i++)
        {
            Entry(EntriesPerTable + i, PageTables + (ulong)((2 + i) * Page));
        }

        for (int i = 0; i < Directories * EntriesPerTable; i++)
        {
            Entry((2 * EntriesPerTable) + i, ((ulong)i * LargePage) | Large);
        }

        area.Place("the page tables", PageTables, tables);

        void Entry(int index, ulong value) =>
            BinaryPrimitives.WriteUInt64LittleEndian(tables.AsSpan(index * sizeof(ulong)), value | PresentWritable);
    }

    /// <summary>Writes the descriptor table that the 64-bit boot protocol wants: flat 64-bit code at 0x10, flat data at 0x18.</summary>
    /// <returns>The table's limit.</returns>
    internal static ushort PlaceDescriptorTable(BootArea area)
    {
        ReadOnlySpan<ulong> descriptors = [0, 0, 0x00af_9b00_0000_ffff, 0x00cf_9300_0000_ffff];
        byte[] table = new byte[descriptors.Length * sizeof(ulong)];
        for (int i = 0; i < descriptors.Length; i++)
        {
            BinaryPrimitives.WriteUInt64LittleEndian(table.AsSpan(i * sizeof(ulong)), descriptors[i]);
        }

        area.Place("the descriptor table", DescriptorTable, table);
        return (ushort)(table.Length - 1);
    }
}

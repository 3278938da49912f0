// The Linux 64-bit boot protocol.
//
// The kernel proper goes where its header prefers; it unpacks itself from there and needs more room than its file has. The
// initial RAM disk goes as high as possible, out of its way. The CPU enters in long mode at the kernel's start plus 0x200, with
// the first 4 GiB mapped to themselves and RSI at the zero page, which holds everything: the header as the loader
// completed it, the memory map, the RSDP.
// Source: Documentation/arch/x86/boot.rst and zero-page.rst in the Linux sources.

using System.Buffers.Binary;
using Vmm.Core.Hypervisors;

namespace Vmm.Core.Boot;

/// <summary>Boots a bzImage.</summary>
internal static class LinuxBoot
{
    private const int ZeroPageLength = 4096;
    private const int EntryOffset = 0x200;
    private const ulong LowestLoadAddress = 1 << 20;
    private const ulong HighestLoadEnd = 1UL << 32; // what the page tables reach

    /// <summary>Places everything.</summary>
    /// <returns>How the boot vCPU starts.</returns>
    internal static CpuEntry Load(BootArea area, BootFile kernel, BootFile? initrd, BootParameters parameters)
    {
        var header = LinuxSetupHeader.Read(kernel);
        ulong start = header.LoadAddress;
        if (start < LowestLoadAddress || header.MemoryNeeded > HighestLoadEnd || start > HighestLoadEnd - header.MemoryNeeded)
        {
            throw new BootException(
                $"'{kernel.Path}' wants to be loaded at 0x{start:x} with {header.MemoryNeeded} bytes, which is not between 0x{LowestLoadAddress:x} and 0x{HighestLoadEnd:x}");
        }

        LowMemory.PlaceIdentityPageTables(area);
        ushort limit = LowMemory.PlaceDescriptorTable(area);
        uint rsdp = LowMemory.PlaceAcpi(area, parameters.Acpi);
        LowMemory.PlaceCommandLine(area, parameters.CommandLine, Math.Min(header.CommandLineMost, LowMemory.MostCommandLine), kernel);
        area.Take($"the kernel '{kernel.Path}'", start, header.MemoryNeeded);
        area.Fill(start, kernel, header.KernelOffset, header.KernelLength);
        ulong initrdAddress = initrd is null ? 0 : area.TakeHighest($"the initrd '{initrd.Path}'", initrd.Length, header.InitrdLast);
        if (initrd is not null)
        {
            area.Fill(initrdAddress, initrd, 0, initrd.Length);
        }

        area.Place("the zero page", LowMemory.ZeroPage, ZeroPage(header, area.Map, initrdAddress, initrd?.Length ?? 0, rsdp));
        return new CpuEntry
        {
            Mode = CpuEntryMode.Long,
            InstructionPointer = start + EntryOffset,
            Rsi = LowMemory.ZeroPage,
            PageTable = LowMemory.PageTables,
            GdtAddress = LowMemory.DescriptorTable,
            GdtLimit = limit,
        };
    }

    private static byte[] ZeroPage(LinuxSetupHeader header, List<MemoryMap.Range> map, ulong initrd, ulong initrdLength, ulong rsdp)
    {
        const byte LoaderWithoutNumber = 0xff;
        const byte LoadedHigh = 1 << 0;
        const int MapOffset = 0x2d0;
        const int MapEntry = 20;
        byte[] page = new byte[ZeroPageLength];
        header.CopyTo(page);
        page[0x210] = LoaderWithoutNumber;
        page[0x211] |= LoadedHigh;
        Dword(0x214, (uint)header.LoadAddress); // code32_start
        Split(0x218, 0xc0, initrd); // ramdisk_image, ext_ramdisk_image
        Split(0x21c, 0xc4, initrdLength); // ramdisk_size, ext_ramdisk_size
        Split(0x228, 0xc8, LowMemory.CommandLine); // cmd_line_ptr, ext_cmd_line_ptr
        Qword(0x70, rsdp); // acpi_rsdp_addr
        page[0x1e8] = (byte)map.Count; // e820_entries
        for (int i = 0; i < map.Count; i++)
        {
            int entry = MapOffset + (i * MapEntry);
            Qword(entry, map[i].Start);
            Qword(entry + 8, map[i].Length);
            Dword(entry + 16, (uint)map[i].Type);
        }

        return page;

        void Dword(int offset, uint value) => BinaryPrimitives.WriteUInt32LittleEndian(page.AsSpan(offset), value);
        void Qword(int offset, ulong value) => BinaryPrimitives.WriteUInt64LittleEndian(page.AsSpan(offset), value);
        void Split(int low, int high, ulong value)
        {
            Dword(low, (uint)value);
            Dword(high, (uint)(value >> 32));
        }
    }
}

// The PVH boot protocol: an ELF file whose note names an entry point for 32-bit protected mode without paging.
//
// Segments go to their physical addresses. RBX points at the start info, which points at the command line, the RSDP, the
// memory map and a list of modules, of which the initial RAM disk is the only one.
// Source: xen/include/public/arch-x86/hvm/start_info.h and docs/misc/pvh.pandoc in the Xen sources.

using System.Buffers.Binary;
using Vmm.Core.Hypervisors;

namespace Vmm.Core.Boot;

/// <summary>Boots an ELF file with a PVH note.</summary>
internal static class PvhBoot
{
    private const uint Magic = 0x336ec578;
    private const int Version = 1;
    private const int InfoLength = 56;
    private const int ModuleLength = 32;
    private const int RangeLength = 24;

    /// <summary>Places everything.</summary>
    /// <returns>How the boot vCPU starts.</returns>
    internal static CpuEntry Load(BootArea area, BootFile kernel, BootFile? initrd, BootParameters parameters)
    {
        var image = ElfImage.Read(kernel);
        uint rsdp = LowMemory.PlaceAcpi(area, parameters.Acpi);
        LowMemory.PlaceCommandLine(area, parameters.CommandLine, LowMemory.MostCommandLine, kernel);
        area.Take("the start info", LowMemory.StartInfo, InfoLength + ModuleLength + (ulong)(area.Map.Count * RangeLength));
        for (int i = 0; i < image.Segments.Count; i++)
        {
            var segment = image.Segments[i];
            area.Place($"segment {i} of '{kernel.Path}'", segment.Address, segment.MemoryLength, kernel, segment.Offset, segment.FileLength);
        }

        ulong initrdAddress = initrd is null ? 0 : area.TakeHighest($"the initrd '{initrd.Path}'", initrd.Length, ulong.MaxValue);
        if (initrd is not null)
        {
            area.Fill(initrdAddress, initrd, 0, initrd.Length);
        }

        area.Write(LowMemory.StartInfo, StartInfo(area.Map, initrdAddress, initrd?.Length, rsdp));
        return new CpuEntry { Mode = CpuEntryMode.Protected, InstructionPointer = image.Entry, Rbx = LowMemory.StartInfo };
    }

    private static byte[] StartInfo(List<MemoryMap.Range> map, ulong initrd, ulong? initrdLength, ulong rsdp)
    {
        const int Module = InfoLength;
        const int Map = Module + ModuleLength;
        byte[] info = new byte[Map + (map.Count * RangeLength)];
        Dword(0, Magic);
        Dword(4, Version);
        Dword(12, initrdLength is null ? 0u : 1u);
        Qword(16, initrdLength is null ? 0 : LowMemory.StartInfo + Module);
        Qword(24, LowMemory.CommandLine);
        Qword(32, rsdp);
        Qword(40, LowMemory.StartInfo + Map);
        Dword(48, (uint)map.Count);
        Qword(Module, initrd);
        Qword(Module + 8, initrdLength ?? 0);
        for (int i = 0; i < map.Count; i++)
        {
            int entry = Map + (i * RangeLength);
            Qword(entry, map[i].Start);
            Qword(entry + 8, map[i].Length);
            Dword(entry + 16, (uint)map[i].Type);
        }

        return info;

        void Dword(int offset, uint value) => BinaryPrimitives.WriteUInt32LittleEndian(info.AsSpan(offset), value);
        void Qword(int offset, ulong value) => BinaryPrimitives.WriteUInt64LittleEndian(info.AsSpan(offset), value);
    }
}

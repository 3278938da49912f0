using Vmm.Core.Acpi;
using Vmm.Core.Memory;

namespace Vmm.Core.Boot;

/// <summary>The guest's memory map as both boot protocols give it: E820 ranges and types.</summary>
internal static class MemoryMap
{
    /// <summary>Where conventional memory ends and the area of a PC's firmware begins.</summary>
    internal const ulong FirmwareArea = 0x9fc00;

    /// <summary>A range of the map.</summary>
    internal readonly record struct Range(ulong Start, ulong Length, RangeType Type);

    /// <summary>What a range is; the values of E820.</summary>
    internal enum RangeType : uint
    {
        /// <summary>Memory for the guest to use.</summary>
        Ram = 1,

        /// <summary>Reserved; the ACPI tables are here.</summary>
        Reserved = 2,
    }

    /// <summary>The map, ordered by address.</summary>
    internal static List<Range> Of(GuestMemory memory)
    {
        List<Range> map = [new(0, Math.Min(FirmwareArea, memory.BelowHole), RangeType.Ram)];
        if (memory.BelowHole > FirmwareArea)
        {
            map.Add(new(FirmwareArea, AcpiTables.End - FirmwareArea, RangeType.Reserved));
        }

        if (memory.BelowHole > AcpiTables.End)
        {
            map.Add(new(AcpiTables.End, memory.BelowHole - AcpiTables.End, RangeType.Ram));
        }

        if (memory.AboveHole > 0)
        {
            map.Add(new(GuestMemory.HoleEnd, memory.AboveHole, RangeType.Ram));
        }

        return map;
    }
}

// A machine's state as a stream of sections, laid out as QEMU's VM state stream so that its public tools can read ours:
//
//     magic, version, machine type
//     "ram"   start: the table of RAM blocks; end (pages stand between the two only where RAM does not stay in place)
//     a full section per device, vCPU and in-kernel device, in the order in which they must be saved
//     end
//
// Each section closes with a footer that repeats its number, so that a reader which took too many or too few bytes of a
// payload notices at once.

using Vmm.Core.Machines;
using Vmm.Core.State;

namespace Vmm.Migration.Streams;

/// <summary>Writes the state of a stopped machine.</summary>
internal static class VmStateWriter
{
    /// <summary>The number of the section of RAM; the others count from 1.</summary>
    private const uint RamSection = 0;

    /// <summary>Appends the whole stream.</summary>
    /// <param name="writer">Where to.</param>
    /// <param name="machineType">The machine type, which the reader compares.</param>
    /// <param name="ram">The RAM blocks; none of their contents is written.</param>
    /// <param name="sections">Everything else, in saving order.</param>
    internal static void Write(
        StateWriter writer, string machineType, IReadOnlyList<RamTableEntry> ram, IReadOnlyList<StateSection> sections)
    {
        WriteStart(writer, machineType);
        WriteRamTable(writer, ram);
        WriteRamEnd(writer);
        WriteSections(writer, sections);
    }

    /// <summary>Appends what comes before the first section.</summary>
    internal static void WriteStart(StateWriter writer, string machineType)
    {
        writer.WriteUInt32(VmStateStream.Magic);
        writer.WriteUInt32(VmStateStream.Version);
        WriteMachineType(writer, machineType);
    }

    /// <summary>Appends what comes before the first section of a saved stream.</summary>
    /// <returns>What a description says of it.</returns>
    internal static StateDescription WriteStart(StateWriter writer, StreamConfiguration configuration)
    {
        writer.WriteUInt32(VmStateStream.Magic);
        writer.WriteUInt32(VmStateStream.Version);
        return configuration.Write(writer);
    }

    /// <summary>Appends the start of the section of RAM, which has the table of its blocks.</summary>
    /// <param name="writer">Where to.</param>
    /// <param name="ram">The blocks.</param>
    /// <param name="withAddresses">Whether the table has their addresses: where RAM that is in a file is left there.</param>
    internal static void WriteRamTable(StateWriter writer, IReadOnlyList<RamTableEntry> ram, bool withAddresses = false)
    {
        WriteHead(writer, VmStateStream.SectionStart, RamSection, VmStateStream.RamSection, 0, VmStateStream.RamVersion);
        ulong total = 0;
        foreach (var block in ram)
        {
            total += block.Size;
        }

        writer.WriteUInt64(total | VmStateStream.RamTable);
        foreach (var block in ram)
        {
            writer.WriteName(block.Name);
            writer.WriteUInt64(block.Size);
            if (withAddresses)
            {
                writer.WriteUInt64(RamTableEntry.Address);
            }
        }

        EndRamPart(writer);
    }

    /// <summary>Appends the head of a part of the section of RAM; pages follow, and <see cref="EndRamPart"/>.</summary>
    internal static void BeginRamPart(StateWriter writer)
    {
        writer.WriteByte(VmStateStream.SectionPart);
        writer.WriteUInt32(RamSection);
    }

    /// <summary>Appends the end of a part of the section of RAM.</summary>
    internal static void EndRamPart(StateWriter writer)
    {
        writer.WriteUInt64(VmStateStream.RamEnd);
        WriteFooter(writer, RamSection);
    }

    /// <summary>Appends the end of the section of RAM.</summary>
    internal static void WriteRamEnd(StateWriter writer)
    {
        writer.WriteByte(VmStateStream.SectionEnd);
        writer.WriteUInt32(RamSection);
        EndRamPart(writer);
    }

    /// <summary>Appends every section but that of RAM, and the end of the stream.</summary>
    internal static void WriteSections(StateWriter writer, IReadOnlyList<StateSection> sections)
    {
        for (int i = 0; i < sections.Count; i++)
        {
            uint id = (uint)i + 1;
            WriteHead(writer, VmStateStream.SectionFull, id, sections[i].Name, sections[i].Instance, (uint)sections[i].Item.Layout.Version);
            sections[i].Item.Save(writer);
            WriteFooter(writer, id);
        }

        writer.WriteByte(VmStateStream.End);
    }

    /// <summary>Appends the description of a stream (<see cref="VmStateDescription"/>), which is the last thing in it.</summary>
    internal static void WriteDescription(StateWriter writer, string text)
    {
        writer.WriteByte(VmStateStream.Description);
        writer.WriteUInt32((uint)System.Text.Encoding.ASCII.GetByteCount(text));
        System.Text.Encoding.ASCII.GetBytes(text, writer.Reserve(System.Text.Encoding.ASCII.GetByteCount(text)));
    }

    /// <summary>Appends what opens a section.</summary>
    internal static void WriteHead(StateWriter writer, byte type, uint id, string name, int instance, uint version)
    {
        writer.WriteByte(type);
        writer.WriteUInt32(id);
        writer.WriteName(name);
        writer.WriteUInt32((uint)instance);
        writer.WriteUInt32(version);
    }

    /// <summary>Appends what closes a section.</summary>
    internal static void WriteFooter(StateWriter writer, uint id)
    {
        writer.WriteByte(VmStateStream.Footer);
        writer.WriteUInt32(id);
    }

    private static void WriteMachineType(StateWriter writer, string machineType)
    {
        writer.WriteByte(VmStateStream.Configuration);
        int length = writer.Length;
        writer.WriteUInt32(0);
        int count = System.Text.Encoding.UTF8.GetBytes(machineType, writer.Reserve(System.Text.Encoding.UTF8.GetByteCount(machineType)));
        writer.PatchUInt32(length, (uint)count);
    }
}

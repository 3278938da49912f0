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
    /// <summary>Appends the whole stream.</summary>
    /// <param name="writer">Where to.</param>
    /// <param name="machineType">The machine type, which the reader compares.</param>
    /// <param name="ram">The RAM blocks; none of their contents is written.</param>
    /// <param name="sections">Everything else, in saving order.</param>
    internal static void Write(
        StateWriter writer, string machineType, IReadOnlyList<RamTableEntry> ram, IReadOnlyList<StateSection> sections)
    {
        writer.WriteUInt32(VmStateStream.Magic);
        writer.WriteUInt32(VmStateStream.Version);
        WriteMachineType(writer, machineType);
        WriteRam(writer, ram);
        for (int i = 0; i < sections.Count; i++)
        {
            uint id = (uint)i + 1;
            WriteHead(writer, VmStateStream.SectionFull, id, sections[i].Name, sections[i].Instance, (uint)sections[i].Item.Layout.Version);
            sections[i].Item.Save(writer);
            WriteFooter(writer, id);
        }

        writer.WriteByte(VmStateStream.End);
    }

    private static void WriteMachineType(StateWriter writer, string machineType)
    {
        writer.WriteByte(VmStateStream.Configuration);
        int length = writer.Length;
        writer.WriteUInt32(0);
        int count = System.Text.Encoding.UTF8.GetBytes(machineType, writer.Reserve(System.Text.Encoding.UTF8.GetByteCount(machineType)));
        writer.PatchUInt32(length, (uint)count);
    }

    private static void WriteRam(StateWriter writer, IReadOnlyList<RamTableEntry> ram)
    {
        WriteHead(writer, VmStateStream.SectionStart, 0, VmStateStream.RamSection, 0, VmStateStream.RamVersion);
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
        }

        writer.WriteUInt64(VmStateStream.RamEnd);
        WriteFooter(writer, 0);

        writer.WriteByte(VmStateStream.SectionEnd);
        writer.WriteUInt32(0);
        writer.WriteUInt64(VmStateStream.RamEnd);
        WriteFooter(writer, 0);
    }

    private static void WriteHead(StateWriter writer, byte type, uint id, string name, int instance, uint version)
    {
        writer.WriteByte(type);
        writer.WriteUInt32(id);
        writer.WriteName(name);
        writer.WriteUInt32((uint)instance);
        writer.WriteUInt32(version);
    }

    private static void WriteFooter(StateWriter writer, uint id)
    {
        writer.WriteByte(VmStateStream.Footer);
        writer.WriteUInt32(id);
    }
}

using Vmm.Core.Devices.Virtio.Saved;
using Vmm.Core.State;

namespace Vmm.Core.Devices.Virtio.Console;

/// <summary>
/// What QEMU saves of a console: configuration space once more, a bit for each number that is taken, and the ports. One whose back end does not take all of a
/// chain has the chain; ours go into the other section, for QEMU saves where the buffers are, which only the driver's memory says.
/// </summary>
internal sealed class SavedConsole : ISavedPart
{
    private const uint MostPortsOfQemu = (SavedVirtio.MostQueues / 2) - 1;
    private const int BitsOfWord = 32;

    internal ushort Columns { get; set; }

    internal ushort Rows { get; set; }

    /// <summary>The most ports that the device can have.</summary>
    internal uint MostPorts { get; set; }

    /// <summary>Which numbers are taken, 32 in a word.</summary>
    internal uint[] PortsMap { get; set; } = [];

    /// <summary>The ports.</summary>
    internal List<SavedPort> Ports { get; } = [];

    /// <summary>How many words it takes to have a bit for each port.</summary>
    internal static int WordsFor(uint mostPorts) => (int)((mostPorts + BitsOfWord - 1) / BitsOfWord);

    /// <inheritdoc/>
    public void Save(StateWriter writer, SavedVirtio device)
    {
        ArgumentNullException.ThrowIfNull(writer);
        writer.WriteUInt16(Columns);
        writer.WriteUInt16(Rows);
        writer.WriteUInt32(MostPorts);
        foreach (uint word in PortsMap)
        {
            writer.WriteUInt32(word);
        }

        writer.WriteUInt32((uint)Ports.Count);
        foreach (var port in Ports)
        {
            writer.WriteUInt32(port.Number);
            writer.WriteByte(port.GuestOpen ? (byte)1 : (byte)0);
            writer.WriteByte(port.HostOpen ? (byte)1 : (byte)0);
            writer.WriteUInt32(0);
        }
    }

    /// <inheritdoc/>
    public void Load(StateReader reader, SavedVirtio device)
    {
        ArgumentNullException.ThrowIfNull(reader);
        (Columns, Rows) = (reader.ReadUInt16(), reader.ReadUInt16());
        MostPorts = SavedVirtio.Bounded(reader.ReadUInt32(), MostPortsOfQemu, "max_nr_ports");
        PortsMap = new uint[WordsFor(MostPorts)];
        foreach (ref uint word in PortsMap.AsSpan())
        {
            word = reader.ReadUInt32();
        }

        Ports.Clear();
        uint count = SavedVirtio.Bounded(reader.ReadUInt32(), MostPorts, "number of ports");
        for (uint i = 0; i < count; i++)
        {
            Ports.Add(new(reader.ReadUInt32(), reader.ReadByte() != 0, reader.ReadByte() != 0, ReadConsumed(reader)));
        }
    }

    private static uint? ReadConsumed(StateReader reader)
    {
        if (reader.ReadUInt32() == 0)
        {
            return null;
        }

        uint segment = reader.ReadUInt32();
        ulong consumed = reader.ReadUInt64();
        uint[] lengths = SavedElement.Read(reader).ReadableLengths;
        segment = SavedVirtio.Bounded(segment, (uint)lengths.Length, "iov_idx of a port");
        foreach (uint length in lengths.AsSpan(0, (int)segment))
        {
            consumed += consumed <= uint.MaxValue ? length : 0;
        }

        return consumed <= uint.MaxValue
            ? (uint)consumed
            : throw new StateException($"iov_offset of a port: at most {uint.MaxValue} with all before it expected, {consumed} found");
    }
}

// What QEMU saves of a network device: address, receive filter, status, and how many pairs of queues and which offloads the driver uses.
//
// Two parts are there or not. A device with one pair does not save pairs; a driver that has not accepted CTRL_GUEST_OFFLOADS has no offloads. The
// second is known from the features. The first only the device knows that has saved it; but what follows both is a subsection, which begins with its
// mark, and where it would be without pairs no number of them has that byte.

using Vmm.Core.Devices.Virtio.Saved;
using Vmm.Core.State;
using static Vmm.Core.Devices.Virtio.Net.NetRegisters;

namespace Vmm.Core.Devices.Virtio.Net;

/// <summary>QEMU's part of a network device's section.</summary>
internal sealed class SavedNet : ISavedPart
{
    private const byte SubsectionMark = 5;

    internal byte[] Mac { get; } = new byte[MacLength];

    /// <summary>Whether received frames may be spread over several buffers.</summary>
    internal bool IsMergeable { get; set; }

    internal ushort Status { get; set; }

    /// <summary>The flags of the receive filter, in the order in which they are saved.</summary>
    internal FilterState Filter { get; } = new();

    /// <summary>The addresses of the receive filter, one after the other.</summary>
    internal byte[] Addresses { get; set; } = [];

    /// <summary>A bit for each VLAN that passes.</summary>
    internal byte[] Vlans { get; } = new byte[MostVlans / 8];

    /// <summary>Whether frames have headers at the host's end.</summary>
    internal bool HasHeaders { get; set; }

    /// <summary>Whether the host's end takes UDP datagrams that are larger than a frame.</summary>
    internal bool HasUfo { get; set; }

    /// <summary>How many pairs of queues the device has.</summary>
    internal ushort MostPairs { get; set; } = 1;

    /// <summary>How many of them the driver uses.</summary>
    internal ushort ActivePairs { get; set; } = 1;

    /// <summary>Which offloads are in force; feature bits. Saved if the driver can switch them.</summary>
    internal ulong Offloads { get; set; }

    /// <inheritdoc/>
    public void Save(StateWriter writer, SavedVirtio device)
    {
        ArgumentNullException.ThrowIfNull(writer);
        ArgumentNullException.ThrowIfNull(device);
        writer.WriteBytes(Mac);
        SaveNotWaiting(writer, pairs: 1);
        writer.WriteUInt32(IsMergeable ? 1u : 0);
        writer.WriteUInt16(Status);
        SaveFlags(writer, Filter.Promiscuous, Filter.AllMulticast);
        writer.WriteUInt32((uint)(Addresses.Length / MacLength));
        writer.WriteBytes(Addresses);
        writer.WriteBytes(Vlans);
        writer.WriteUInt32(HasHeaders ? 1u : 0);
        SaveFlags(
            writer,
            Filter.MulticastOverflow, Filter.UnicastOverflow, Filter.AllUnicast, Filter.NoMulticast, Filter.NoUnicast, Filter.NoBroadcast, HasUfo);
        if (MostPairs > 1)
        {
            writer.WriteUInt16(MostPairs);
            writer.WriteUInt16(ActivePairs);
            SaveNotWaiting(writer, ActivePairs - 1);
        }

        if (SwitchesOffloads(device))
        {
            writer.WriteUInt64(Offloads);
        }
    }

    /// <inheritdoc/>
    public void Load(StateReader reader, SavedVirtio device)
    {
        ArgumentNullException.ThrowIfNull(reader);
        ArgumentNullException.ThrowIfNull(device);
        reader.ReadBytes(MacLength).CopyTo(Mac);
        _ = reader.ReadUInt32();
        IsMergeable = reader.ReadUInt32() != 0;
        Status = reader.ReadUInt16();
        (Filter.Promiscuous, Filter.AllMulticast) = (ReadFlag(reader), ReadFlag(reader));
        uint count = SavedVirtio.Bounded(reader.ReadUInt32(), MostAddresses, "mac_table.in_use");
        Addresses = reader.ReadBytes((int)count * MacLength).ToArray();
        reader.ReadBytes(Vlans.Length).CopyTo(Vlans);
        HasHeaders = reader.ReadUInt32() != 0;
        (Filter.MulticastOverflow, Filter.UnicastOverflow, Filter.AllUnicast) = (ReadFlag(reader), ReadFlag(reader), ReadFlag(reader));
        (Filter.NoMulticast, Filter.NoUnicast, Filter.NoBroadcast) = (ReadFlag(reader), ReadFlag(reader), ReadFlag(reader));
        HasUfo = ReadFlag(reader);
        (MostPairs, ActivePairs) = HasPairs(reader, device) ? ReadPairs(reader) : ((ushort)1, (ushort)1);
        Offloads = SwitchesOffloads(device) ? reader.ReadUInt64() : 0;
    }

    /// <summary>Whether the driver can switch offloads.</summary>
    internal static bool SwitchesOffloads(SavedVirtio device) => (device.Features & ControlOffloadsFeature) != 0;

    /// <summary>That no frame waits to be sent: the queues are looked at when the device begins to run.</summary>
    private static void SaveNotWaiting(StateWriter writer, int pairs) => writer.Reserve(pairs * sizeof(uint)).Clear();

    private static void SaveFlags(StateWriter writer, params ReadOnlySpan<bool> flags)
    {
        foreach (bool flag in flags)
        {
            writer.WriteByte(flag ? (byte)1 : (byte)0);
        }
    }

    private static bool ReadFlag(StateReader reader) => reader.ReadByte() != 0;

    private static bool HasPairs(StateReader reader, SavedVirtio device)
    {
        int start = reader.Position;
        reader.ReadBytes(SwitchesOffloads(device) ? sizeof(ulong) : 0);
        bool hasPairs = reader.PeekByte() != SubsectionMark;
        reader.Rewind(start);
        return hasPairs;
    }

    private static (ushort Most, ushort Active) ReadPairs(StateReader reader)
    {
        ushort most = (ushort)SavedVirtio.Bounded(reader.ReadUInt16(), (SavedVirtio.MostQueues - 1) / 2, "max_queue_pairs");
        ushort active = (ushort)SavedVirtio.Bounded(reader.ReadUInt16(), most, "curr_queue_pairs");
        reader.ReadBytes(Math.Max(0, active - 1) * sizeof(uint));
        return (most, active);
    }
}

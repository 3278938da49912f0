// Which frames of the host the driver wants: by the station or group that a frame is for, and by its VLAN. A card begins promiscuous.
//
// The thread that serves the queues is the only one that changes the filter while a driver is there, by the driver's commands, and it filters
// without a lock. Management reads it on other threads, so a change is made, and a picture of it taken, under a lock.

using System.Buffers.Binary;
using Vmm.Core.Devices.Model;
using static Vmm.Core.Devices.Virtio.Net.NetRegisters;

namespace Vmm.Core.Devices.Virtio.Net;

/// <summary>The receive filter of a network device.</summary>
/// <param name="state">What the driver has said.</param>
internal sealed class RxFilter(FilterState state)
{
    private const ushort VlanTag = 0x8100;
    private const int TypeOffset = 2 * MacLength;

    private readonly Lock _gate = new();

    /// <summary>The card's own address.</summary>
    internal string MacAddress
    {
        get
        {
            lock (_gate)
            {
                return MacProperty.Text(state.Mac);
            }
        }
    }

    /// <summary>Whether the driver wants a frame.</summary>
    /// <param name="frame">The frame, from its destination on.</param>
    /// <param name="byVlan">Whether driver and device have agreed to filter by VLAN.</param>
    internal bool Passes(ReadOnlySpan<byte> frame, bool byVlan)
    {
        if (state.Promiscuous)
        {
            return true;
        }

        if (byVlan && frame.Length >= EthernetLength + sizeof(ushort) && BinaryPrimitives.ReadUInt16BigEndian(frame[TypeOffset..]) == VlanTag
            && !HasVlan(BinaryPrimitives.ReadUInt16BigEndian(frame[EthernetLength..]) & (MostVlans - 1)))
        {
            return false;
        }

        var destination = frame[..MacLength];
        if ((destination[0] & 1) == 0)
        {
            return !state.NoUnicast
                && (state.AllUnicast || state.UnicastOverflow || destination.SequenceEqual(state.Mac) || IsIn(destination, 0, state.UnicastCount));
        }

        return destination.IndexOfAnyExcept((byte)0xff) < 0
            ? !state.NoBroadcast
            : !state.NoMulticast
                && (state.AllMulticast || state.MulticastOverflow || IsIn(destination, state.UnicastCount, state.UnicastCount + state.MulticastCount));
    }

    /// <summary>To what holds before a driver has said anything.</summary>
    internal void Clear(ReadOnlySpan<byte> mac)
    {
        lock (_gate)
        {
            state.Clear(mac);
        }
    }

    /// <summary>Copies the card's own address.</summary>
    internal void CopyMac(Span<byte> into)
    {
        lock (_gate)
        {
            state.Mac.CopyTo(into);
        }
    }

    /// <summary>Changes the card's own address.</summary>
    internal void SetMac(ReadOnlySpan<byte> mac)
    {
        lock (_gate)
        {
            mac.CopyTo(state.Mac);
        }
    }

    /// <summary>Switches one of the modes.</summary>
    /// <returns>False if there is no such mode.</returns>
    internal bool TrySetMode(byte mode, bool on)
    {
        lock (_gate)
        {
            switch (mode)
            {
                case RxPromiscuous:
                    state.Promiscuous = on;
                    return true;
                case RxAllMulticast:
                    state.AllMulticast = on;
                    return true;
                case RxAllUnicast:
                    state.AllUnicast = on;
                    return true;
                case RxNoMulticast:
                    state.NoMulticast = on;
                    return true;
                case RxNoUnicast:
                    state.NoUnicast = on;
                    return true;
                case RxNoBroadcast:
                    state.NoBroadcast = on;
                    return true;
                default:
                    return false;
            }
        }
    }

    /// <summary>Replaces the tables. One that there is no room for is left out, and all frames of its kind pass.</summary>
    /// <param name="stations">Addresses of stations, one after the other.</param>
    /// <param name="groups">Addresses of groups.</param>
    internal void SetTables(ReadOnlySpan<byte> stations, ReadOnlySpan<byte> groups)
    {
        lock (_gate)
        {
            state.UnicastOverflow = stations.Length > state.Addresses.Length;
            stations = state.UnicastOverflow ? [] : stations;
            state.MulticastOverflow = stations.Length + groups.Length > state.Addresses.Length;
            groups = state.MulticastOverflow ? [] : groups;
            Array.Clear(state.Addresses);
            stations.CopyTo(state.Addresses);
            groups.CopyTo(state.Addresses.AsSpan(stations.Length));
            state.UnicastCount = (ushort)(stations.Length / MacLength);
            state.MulticastCount = (ushort)(groups.Length / MacLength);
        }
    }

    /// <summary>Has frames of a VLAN pass, or not.</summary>
    /// <param name="vlan">Its number, below <see cref="MostVlans"/>.</param>
    /// <param name="passes">Whether they pass.</param>
    internal void SetVlan(int vlan, bool passes)
    {
        lock (_gate)
        {
            ulong bit = 1ul << (vlan % 64);
            ref ulong word = ref state.Vlans[vlan / 64];
            word = passes ? word | bit : word & ~bit;
        }
    }

    /// <summary>The filter, for management.</summary>
    /// <param name="byVlan">Whether driver and device have agreed to filter by VLAN.</param>
    internal ReceiveFilter Describe(bool byVlan)
    {
        lock (_gate)
        {
            int[] vlans = [.. Enumerable.Range(0, MostVlans).Where(HasVlan)];
            return new ReceiveFilter(MacProperty.Text(state.Mac))
            {
                Promiscuous = state.Promiscuous,
                Multicast = Mode(state.NoMulticast, state.AllMulticast),
                Unicast = Mode(state.NoUnicast, state.AllUnicast),
                Vlan = !byVlan ? FilterMode.All : vlans.Length == 0 ? FilterMode.None : FilterMode.Normal,
                BroadcastAllowed = !state.NoBroadcast,
                MulticastOverflow = state.MulticastOverflow,
                UnicastOverflow = state.UnicastOverflow,
                UnicastTable = Table(0, state.UnicastCount),
                MulticastTable = Table(state.UnicastCount, state.MulticastCount),
                VlanTable = vlans,
            };
        }
    }

    private static FilterMode Mode(bool none, bool all) => none ? FilterMode.None : all ? FilterMode.All : FilterMode.Normal;

    private string[] Table(int first, int count) =>
        [.. Enumerable.Range(first, count).Select(at => MacProperty.Text(state.Addresses.AsSpan(at * MacLength, MacLength)))];

    private bool HasVlan(int vlan) => (state.Vlans[vlan / 64] & (1ul << (vlan % 64))) != 0;

    private bool IsIn(ReadOnlySpan<byte> address, int first, int end)
    {
        for (int at = first; at < end; at++)
        {
            if (address.SequenceEqual(state.Addresses.AsSpan(at * MacLength, MacLength)))
            {
                return true;
            }
        }

        return false;
    }
}

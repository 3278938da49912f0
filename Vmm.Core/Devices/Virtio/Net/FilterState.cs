using Vmm.Core.Devices.Model;
using Vmm.Core.State;
using static Vmm.Core.Devices.Virtio.Net.NetRegisters;

namespace Vmm.Core.Devices.Virtio.Net;

/// <summary>Which frames the driver wants, as it has said last.</summary>
internal sealed class FilterState
{
    internal static readonly StateLayout<FilterState> Layout = new("virtio-net-filter", version: 1)
    {
        { "mac", s => s.Mac, MacLength },
        { "promisc", s => ref s.Promiscuous },
        { "allmulti", s => ref s.AllMulticast },
        { "alluni", s => ref s.AllUnicast },
        { "nomulti", s => ref s.NoMulticast },
        { "nouni", s => ref s.NoUnicast },
        { "nobcast", s => ref s.NoBroadcast },
        { "uni_overflow", s => ref s.UnicastOverflow },
        { "multi_overflow", s => ref s.MulticastOverflow },
        { "uni_count", s => ref s.UnicastCount },
        { "multi_count", s => ref s.MulticastCount },
        { "macs", s => s.Addresses, MostAddresses * MacLength },
        { "vlans", s => s.Vlans, MostVlans / 64 },
    };

    /// <summary>The card's own address.</summary>
    internal readonly byte[] Mac = new byte[MacLength];

    /// <summary>Every frame.</summary>
    internal bool Promiscuous;

    /// <summary>Every frame to a group.</summary>
    internal bool AllMulticast;

    /// <summary>Every frame to a station.</summary>
    internal bool AllUnicast;

    /// <summary>No frame to a group.</summary>
    internal bool NoMulticast;

    /// <summary>No frame to a station.</summary>
    internal bool NoUnicast;

    /// <summary>No frame to everyone.</summary>
    internal bool NoBroadcast;

    /// <summary>The driver named more stations than there is room for: all pass.</summary>
    internal bool UnicastOverflow;

    /// <summary>The driver named more groups than there is room for: all pass.</summary>
    internal bool MulticastOverflow;

    /// <summary>How many addresses of stations there are.</summary>
    internal ushort UnicastCount;

    /// <summary>How many addresses of groups follow them.</summary>
    internal ushort MulticastCount;

    /// <summary>The addresses, those of stations first.</summary>
    internal readonly byte[] Addresses = new byte[MostAddresses * MacLength];

    /// <summary>A bit for each VLAN that passes.</summary>
    internal readonly ulong[] Vlans = new ulong[MostVlans / 64];

    /// <summary>To what holds before a driver has said anything: every frame passes.</summary>
    /// <param name="mac">The card's address.</param>
    internal void Clear(ReadOnlySpan<byte> mac)
    {
        mac.CopyTo(Mac);
        Promiscuous = true;
        (AllMulticast, AllUnicast, NoMulticast, NoUnicast, NoBroadcast) = (false, false, false, false, false);
        (UnicastOverflow, MulticastOverflow, UnicastCount, MulticastCount) = (false, false, 0, 0);
        Array.Clear(Addresses);
        Array.Clear(Vlans);
    }

    /// <summary>Whether a card may have an address: that of a group is none's own.</summary>
    internal static bool IsStation(ReadOnlySpan<byte> mac) => (mac[0] & 1) == 0;

    /// <summary>Refuses what no device has saved.</summary>
    /// <exception cref="StateException">There is such.</exception>
    internal void Check()
    {
        if (!IsStation(Mac))
        {
            throw new StateException($"virtio-net mac: the address of a station expected, whose first byte is even, {MacProperty.Text(Mac)} found");
        }

        if (UnicastCount + MulticastCount > MostAddresses)
        {
            throw new StateException($"virtio-net uni_count and multi_count: at most {MostAddresses} in all expected, {UnicastCount} and {MulticastCount} found");
        }
    }
}

using Vmm.Core.Backends.Net;
using Vmm.Core.Devices.Virtio.Saved;
using Vmm.Core.State;
using static Vmm.Core.Devices.Virtio.Net.NetRegisters;

namespace Vmm.Core.Devices.Virtio.Net;

/// <summary>What a network device has and QEMU's section no place for.</summary>
internal sealed class NetRest : IVirtioRest
{
    internal static readonly StateLayout<NetRest> Layout = new("vmm/virtio-net", version: 1)
    {
        { "link_down", s => ref s.IsLinkDisabled },
        { "uni_count", s => ref s.UnicastCount },
        { "vlans", s => s.Vlans, MostVlans / 64 },
        { "pair_count", s => ref s.PairCount },
        { "counters", s => ref s.Counters, PairCounters.Layout, "pair_count", NetState.MostPairs },
        { "held_count", s => ref s.HeldCount },
        { "held", s => ref s.Held, FrameLayout, "held_count", NetState.MostPairs },
        { "virtio", s => s.Virtio, VirtioRest.Layout },
    };

    internal bool IsLinkDisabled;

    /// <summary>How many of the filter's addresses are those of stations; QEMU has them up to the first of a group.</summary>
    internal ushort UnicastCount;

    /// <summary>Which VLANs pass; QEMU has them only if the driver has agreed to filter by VLAN.</summary>
    internal readonly ulong[] Vlans = new ulong[MostVlans / 64];

    internal ushort PairCount;
    internal PairCounters[] Counters = [];
    internal ushort HeldCount;
    internal HeldFrame[] Held = [];

    /// <inheritdoc/>
    public VirtioRest Virtio { get; } = new();

    private static StateLayout<HeldFrame> FrameLayout => new("vmm/virtio-net-frame", version: 1)
    {
        { "pair", s => ref s.Pair },
        { "length", s => ref s.Length },
        { "bytes", s => s.Bytes, "length", NetQueue.LongestFrame },
    };
}

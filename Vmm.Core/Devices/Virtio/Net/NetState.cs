using Vmm.Core.Backends.Net;
using Vmm.Core.State;
using static Vmm.Core.Devices.Virtio.Net.NetRegisters;

namespace Vmm.Core.Devices.Virtio.Net;

/// <summary>What a network device must not forget.</summary>
internal sealed class NetState
{
    /// <summary>Each pair has two queues, and control has one.</summary>
    internal const int MostPairs = (VirtioState.MostQueues - 1) / 2;

    internal static readonly StateLayout<NetState> Layout = new("virtio-net", version: 1)
    {
        { "filter", s => s.Filter, FilterState.Layout },
        { "status", s => ref s.Status },
        { "link_down", s => ref s.IsLinkDisabled },
        { "curr_queue_pairs", s => ref s.ActivePairs },
        { "disabled_guest_offloads", s => ref s.DisabledOffloads },
        { "host_offloads", s => ref s.HostOffloads },
        { "pair_count", s => ref s.PairCount },
        { "counters", s => ref s.Counters, PairCounters.Layout, "pair_count", MostPairs },
        { "held_count", s => ref s.HeldCount },
        { "held", s => ref s.Held, HeldFrame.Layout, "held_count", MostPairs },
        { "virtio", s => s.Virtio, VirtioState.Layout },
    };

    /// <summary>The receive filter.</summary>
    internal readonly FilterState Filter = new();

    /// <summary>The status that the driver reads in configuration space.</summary>
    internal uint Status = LinkUp;

    /// <summary>Whether the operator has pulled the cable out.</summary>
    internal bool IsLinkDisabled;

    /// <summary>How many pairs of queues the driver uses.</summary>
    internal ushort ActivePairs = 1;

    /// <summary>Which of the guest's offloads, that were negotiated, the driver has switched off since; feature bits.</summary>
    internal ulong DisabledOffloads;

    /// <summary>The guest's offloads as the back end was last informed of them; feature bits. They are in force in the next process too, which does not set them again.</summary>
    internal ulong HostOffloads;

    /// <summary>How many pairs of queues the device has.</summary>
    internal ushort PairCount;

    /// <summary>What has passed each of them.</summary>
    internal PairCounters[] Counters;

    /// <summary>How many frames are held.</summary>
    internal ushort HeldCount;

    /// <summary>Frames that were received and not given to the driver yet, at most one of each pair; filled when the state is saved.</summary>
    internal HeldFrame[] Held = [];

    /// <summary>Registers and queues.</summary>
    internal readonly VirtioState Virtio;

    private readonly int _pairs;

    /// <summary>A record of a device without a driver.</summary>
    internal NetState(int pairs)
    {
        _pairs = pairs;
        PairCount = (ushort)pairs;
        Counters = [.. Enumerable.Range(0, pairs).Select(_ => new PairCounters())];
        Virtio = new VirtioState((2 * pairs) + 1);
    }

    /// <summary>Forgets what the driver has said, but for the filter.</summary>
    internal void ForgetDriver()
    {
        // The link may come or go at this moment.
        Interlocked.And(ref Status, LinkUp);
        (PairCount, ActivePairs, DisabledOffloads, HeldCount) = ((ushort)_pairs, 1, 0, 0);
        Held = [];
    }

    /// <summary>Refuses what no device has saved.</summary>
    /// <param name="offered">The features that the device offers here.</param>
    /// <exception cref="StateException">There is such.</exception>
    internal void Check(ulong offered)
    {
        ulong negotiated = Virtio.DriverFeatures;
        Require(PairCount == _pairs, "pair_count", $"{_pairs}", PairCount);
        Filter.Check();
        RequireBits(Status, LinkUp, "status");
        Require(!IsLinkDisabled || (Status & LinkUp) == 0, "status", "no link with link_down", Status);
        ulong mostPairs = (negotiated & MultiQueueFeature) != 0 ? (ulong)_pairs : 1;
        Require(ActivePairs >= 1 && ActivePairs <= mostPairs, "curr_queue_pairs", $"1 to {mostPairs}", ActivePairs);
        RequireBits(DisabledOffloads, (negotiated & ControlOffloadsFeature) != 0 ? negotiated & GuestOffloads : 0, "disabled_guest_offloads");
        RequireBits(HostOffloads, offered & GuestOffloads, "host_offloads");
        Require(HeldCount <= _pairs, "held_count", $"at most {_pairs}", HeldCount);
        for (int i = 0; i < HeldCount; i++)
        {
            var held = Held[i];
            Require(held.Pair < _pairs && Array.FindIndex(Held, other => other.Pair == held.Pair) == i, "held pair", $"each below {_pairs} once", held.Pair);
            Require(
                held.Length is >= HeaderLength + EthernetLength and <= NetQueue.LongestFrame,
                "held length", $"{HeaderLength + EthernetLength} to {NetQueue.LongestFrame}", held.Length);
        }
    }

    private static void RequireBits(ulong value, ulong allowed, string field) =>
        Require((value & ~allowed) == 0, field, $"bits of 0x{allowed:x}", value);

    private static void Require(bool condition, string field, string expected, ulong found)
    {
        if (!condition)
        {
            throw new StateException($"virtio-net {field}: {expected} expected, {found} found");
        }
    }
}

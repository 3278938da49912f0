// A network device in a saved file.
//
// QEMU's device has the queues that its driver can know of: three before it has accepted several pairs, the third of which takes commands. Ours has all from
// the start, so those that QEMU does not have are in its section only by their registers, and how far they have got is in ours.
//
// Which offloads the host was informed of is no state of the guest's, and in no file: the back end of the process that loads it was informed of none.

using System.Runtime.InteropServices;
using Vmm.Core.Devices.Virtio.Saved;
using Vmm.Core.State;
using static Vmm.Core.Devices.Virtio.Net.NetRegisters;

namespace Vmm.Core.Devices.Virtio.Net;

/// <summary>The form of a network device.</summary>
/// <param name="device">The device.</param>
/// <param name="transport">What saves and loads it.</param>
/// <param name="section">The name of QEMU's section.</param>
/// <param name="instance">Which of several with this name.</param>
/// <param name="options">The device's properties.</param>
/// <param name="hasHeaders">Whether frames have headers at the host's end.</param>
internal sealed class NetForm(NetDevice device, IStateful transport, string section, int instance, NetDeviceOptions options, bool hasHeaders)
    : VirtioForm<NetState, SavedNet, NetRest>(
        new(device, transport, section, instance)
        {
            Sizes = options.QueueSizes,
            ConfigurationLength = NetDeviceOptions.SavedConfigurationLength(device.Features),
        },
        NetState.Layout,
        () => new NetState(options.Pairs),
        Layout,
        NetRest.Layout)
{
    /// <summary>The layout of QEMU's section.</summary>
    internal static readonly StateLayout<SavedVirtio<SavedNet>> Layout = SavedVirtio<SavedNet>.LayoutOf("virtio-net", version: 11);

    private const byte AllPass = 0xff;

    private readonly ushort[] _sizesOfOnePair = [options.RxQueueSize, options.TxQueueSize, NetDeviceOptions.ControlQueueSize];

    /// <inheritdoc/>
    protected override VirtioState VirtioOf(NetState own) => own.Virtio;

    /// <inheritdoc/>
    protected override ReadOnlySpan<ushort> SizesFor(ulong features) =>
        (features & MultiQueueFeature) != 0 ? base.SizesFor(features) : _sizesOfOnePair;

    /// <summary>QEMU before 9.1 has all queues until the driver decides.</summary>
    protected override void CheckQueueCount(uint count, ulong features)
    {
        if (count != SizesFor(features).Length)
        {
            base.CheckQueueCount(count, features);
        }
    }

    /// <inheritdoc/>
    protected override void FillPart(NetState own, SavedVirtio<SavedNet> saved, NetRest rest)
    {
        var (part, filter) = (saved.Part, own.Filter);
        own.HostOffloads = 0;
        filter.Mac.CopyTo(part.Mac, 0);
        (part.IsMergeable, part.Status) = ((saved.Features & MergeableFeature) != 0, (ushort)own.Status);
        CopyFlags(filter, part.Filter);
        part.Addresses = filter.Addresses[..((filter.UnicastCount + filter.MulticastCount) * MacLength)];
        part.Vlans.AsSpan().Fill(AllPass);
        if (FiltersVlans(saved))
        {
            MemoryMarshal.AsBytes(filter.Vlans.AsSpan()).CopyTo(part.Vlans);
        }

        (part.HasHeaders, part.HasUfo) = (hasHeaders, (device.Features & HostUfoFeature) != 0);
        (part.MostPairs, part.ActivePairs) = ((ushort)options.Pairs, own.ActivePairs);
        part.Offloads = saved.Features & GuestOffloads & ~own.DisabledOffloads;

        (rest.IsLinkDisabled, rest.UnicastCount) = (own.IsLinkDisabled, filter.UnicastCount);
        filter.Vlans.CopyTo(rest.Vlans, 0);
        (rest.PairCount, rest.Counters) = (own.PairCount, own.Counters);
        (rest.HeldCount, rest.Held) = (own.HeldCount, own.Held);
    }

    /// <inheritdoc/>
    protected override void TakePart(NetState own, SavedVirtio<SavedNet> saved, NetRest? rest)
    {
        var part = saved.Part;
        Require(part.MostPairs == options.Pairs, "max_queue_pairs", $"{options.Pairs}", $"{part.MostPairs}");
        own.ActivePairs = part.ActivePairs;
        bool isUp = (part.Status & LinkUp) != 0;
        (own.Status, own.IsLinkDisabled) = (isUp ? LinkUp : 0, rest?.IsLinkDisabled ?? !isUp);

        ulong negotiated = saved.Features & GuestOffloads;
        Require((part.Offloads & ~negotiated) == 0, "curr_guest_offloads", $"bits of 0x{negotiated:x}", $"0x{part.Offloads:x}");
        own.DisabledOffloads = SavedNet.SwitchesOffloads(saved) ? negotiated & ~part.Offloads : 0;
        TakeFilter(own.Filter, saved, rest);

        Require(rest is null || rest.PairCount == options.Pairs, "pair_count", $"{options.Pairs}", $"{rest?.PairCount}");
        own.Counters = rest?.Counters ?? [.. Enumerable.Range(0, options.Pairs).Select(static _ => new PairCounters())];
        (own.HeldCount, own.Held) = rest is null ? ((ushort)0, []) : (rest.HeldCount, rest.Held);
    }

    private static bool FiltersVlans(SavedVirtio saved) => (saved.Features & ControlVlanFeature) != 0;

    private static void TakeFilter(FilterState own, SavedVirtio<SavedNet> saved, NetRest? rest)
    {
        var part = saved.Part;
        part.Mac.CopyTo(own.Mac, 0);
        CopyFlags(part.Filter, own);
        int count = part.Addresses.Length / MacLength;
        own.UnicastCount = rest?.UnicastCount ?? (ushort)part.Addresses.Chunk(MacLength).TakeWhile(static address => FilterState.IsStation(address)).Count();
        Require(own.UnicastCount <= count, "uni_count", $"at most {count}, as in the device's other section,", $"{own.UnicastCount}");
        own.MulticastCount = (ushort)(count - own.UnicastCount);
        Array.Clear(own.Addresses);
        part.Addresses.CopyTo(own.Addresses, 0);

        Array.Clear(own.Vlans);
        if (FiltersVlans(saved))
        {
            part.Vlans.CopyTo(MemoryMarshal.AsBytes(own.Vlans.AsSpan()));
            Require(rest is null || rest.Vlans.AsSpan().SequenceEqual(own.Vlans), "vlans", "those in the device's other section", "others");
        }
        else
        {
            rest?.Vlans.CopyTo(own.Vlans, 0);
        }
    }

    private static void CopyFlags(FilterState from, FilterState to)
    {
        (to.Promiscuous, to.AllMulticast, to.AllUnicast) = (from.Promiscuous, from.AllMulticast, from.AllUnicast);
        (to.NoMulticast, to.NoUnicast, to.NoBroadcast) = (from.NoMulticast, from.NoUnicast, from.NoBroadcast);
        (to.UnicastOverflow, to.MulticastOverflow) = (from.UnicastOverflow, from.MulticastOverflow);
    }

    private static void Require(bool condition, string field, string expected, string found)
    {
        if (!condition)
        {
            throw new StateException($"virtio-net {field}: {expected} expected, {found} found");
        }
    }
}

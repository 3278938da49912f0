using Vmm.Core.Backends.Net;
using Vmm.Core.Devices.Virtio.Net;

namespace Vmm.Tests.Unit.Migration;

/// <summary>The records of network devices and back ends among <see cref="DescribedRecords"/>.</summary>
internal static class DescribedNetRecords
{
    private const int Vlans = 64;

    /// <summary>A card with one pair of counters, a held frame and a queue for commands alone.</summary>
    internal static NetState Card()
    {
        var counters = new PairCounters();
        counters.Received(2);
        counters.Received(3);
        counters.NotReceived();
        counters.Sent(4);
        counters.NotSent();
        counters.NotSent();
        counters.NotSent();
        var held = new HeldFrame { Pair = 6, Length = 7 };
        Array.Fill(held.Bytes, (byte)5);
        var card = new NetState(pairs: 0)
        {
            Status = 3,
            IsLinkDisabled = true,
            ActivePairs = 8,
            DisabledOffloads = 9,
            HostOffloads = 10,
            PairCount = 1,
            Counters = [counters],
            HeldCount = 1,
            Held = [held],
        };
        var filter = card.Filter;
        (filter.Promiscuous, filter.AllUnicast, filter.NoUnicast, filter.UnicastOverflow) = (true, true, true, true);
        (filter.UnicastCount, filter.MulticastCount) = (11, 12);
        Array.Fill(filter.Mac, (byte)1);
        Array.Fill(filter.Addresses, (byte)2);
        for (int i = 0; i < filter.Vlans.Length; i++)
        {
            filter.Vlans[i] = (ulong)i + 13;
        }

        return card;
    }

    /// <summary>What is found of it, but for its common part.</summary>
    internal static string CardFields => $"""
        .filter.mac = 01*6
        .filter.promisc = true
        .filter.allmulti = false
        .filter.alluni = true
        .filter.nomulti = false
        .filter.nouni = true
        .filter.nobcast = false
        .filter.uni_overflow = true
        .filter.multi_overflow = false
        .filter.uni_count = 11
        .filter.multi_count = 12
        .filter.macs = 02*384
        {string.Join('\n', Enumerable.Range(0, Vlans).Select(i => $".filter.vlans[{i}] = {i + 13}"))}
        .status = 3
        .link_down = true
        .curr_queue_pairs = 8
        .disabled_guest_offloads = 9
        .host_offloads = 10
        .pair_count = 1
        .counters.rx_packets = 2
        .counters.rx_bytes = 5
        .counters.rx_dropped = 1
        .counters.tx_packets = 1
        .counters.tx_bytes = 4
        .counters.tx_dropped = 3
        .held_count = 1
        .held.pair = 6
        .held.length = 7
        .held.bytes = 05*{NetQueue.LongestFrame}
        """;

    /// <summary>A stream with a piece of a frame in each direction.</summary>
    internal static StreamState Stream() => StreamState.Of([.. Enumerable.Repeat((byte)1, 4096)], [.. Enumerable.Repeat((byte)2, 4096)]);

    /// <summary>What is found of it.</summary>
    internal const string StreamFields = """
        .received = 4096
        .received_count = 1
        .received_pieces.bytes = 01*4096
        .unsent = 4096
        .unsent_count = 1
        .unsent_pieces.bytes = 02*4096
        """;
}

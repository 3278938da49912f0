namespace Vmm.Core.Devices.Model;

/// <summary>Which frames a guest wants to receive. Addresses are written 52:54:00:12:34:56.</summary>
/// <param name="MainAddress">The card's own address.</param>
public sealed record ReceiveFilter(string MainAddress)
{
    /// <summary>Whether it wants every frame.</summary>
    public bool Promiscuous { get; init; }

    /// <summary>What it wants of frames to a group.</summary>
    public FilterMode Multicast { get; init; }

    /// <summary>What it wants of frames to one station.</summary>
    public FilterMode Unicast { get; init; }

    /// <summary>What it wants of frames with a VLAN tag; all where no VLANs were negotiated.</summary>
    public FilterMode Vlan { get; init; }

    /// <summary>Whether it wants frames to everyone.</summary>
    public bool BroadcastAllowed { get; init; } = true;

    /// <summary>Whether it named more groups than the card has room for, so that all pass.</summary>
    public bool MulticastOverflow { get; init; }

    /// <summary>Whether it named more stations than the card has room for, so that all pass.</summary>
    public bool UnicastOverflow { get; init; }

    /// <summary>The groups in the table.</summary>
    public IReadOnlyList<string> MulticastTable { get; init; } = [];

    /// <summary>The stations in the table, beside the card's own address.</summary>
    public IReadOnlyList<string> UnicastTable { get; init; } = [];

    /// <summary>The VLANs in the table.</summary>
    public IReadOnlyList<int> VlanTable { get; init; } = [];
}

using Vmm.Core.State;

namespace Vmm.Core.Devices.Virtio;

/// <summary>A queue as its driver has set it up, and how far it has got. It is saved at a boundary: every chain that was taken was given back.</summary>
public sealed class VirtQueueState
{
    /// <summary>Its layout.</summary>
    public static readonly StateLayout<VirtQueueState> Layout = new("virtqueue", version: 1)
    {
        { "num", s => ref s.Size },
        { "ready", s => ref s.Ready },
        { "desc", s => ref s.DescriptorAddress },
        { "avail", s => ref s.AvailableAddress },
        { "used", s => ref s.UsedAddress },
        { "last_avail_idx", s => ref s.NextAvailable },
        { "used_idx", s => ref s.NextUsed },
    };

    /// <summary>How many descriptors it has, a power of two; 0 before the driver has said.</summary>
    internal ushort Size;

    /// <summary>Whether the driver has set it up.</summary>
    internal bool Ready;

    /// <summary>Guest-physical address of the descriptor table.</summary>
    internal ulong DescriptorAddress;

    /// <summary>Guest-physical address of the available ring.</summary>
    internal ulong AvailableAddress;

    /// <summary>Guest-physical address of the used ring.</summary>
    internal ulong UsedAddress;

    /// <summary>The index in the available ring that is taken next.</summary>
    internal ushort NextAvailable;

    /// <summary>The index in the used ring that is filled next.</summary>
    internal ushort NextUsed;

    internal void Clear()
    {
        (Size, Ready, NextAvailable, NextUsed) = (0, false, 0, 0);
        (DescriptorAddress, AvailableAddress, UsedAddress) = (0, 0, 0);
    }
}

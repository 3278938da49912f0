using Vmm.Core.Backends.Net;
using Vmm.Core.State;

namespace Vmm.Core.Devices.Virtio.Net;

/// <summary>A frame that was received, and for which the driver has not made buffers enough available yet; with its header.</summary>
internal sealed class HeldFrame
{
    internal static readonly StateLayout<HeldFrame> Layout = new("virtio-net-frame", version: 1)
    {
        { "pair", s => ref s.Pair },
        { "length", s => ref s.Length },
        { "bytes", s => s.Bytes, NetQueue.LongestFrame },
    };

    /// <summary>Which pair of queues has received it.</summary>
    internal ushort Pair;

    /// <summary>How long it is.</summary>
    internal uint Length;

    /// <summary>The frame, and room for the longest.</summary>
    internal readonly byte[] Bytes = new byte[NetQueue.LongestFrame];
}

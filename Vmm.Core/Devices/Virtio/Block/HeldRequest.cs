using Vmm.Core.State;

namespace Vmm.Core.Devices.Virtio.Block;

/// <summary>A request that failed and is to be made again: it was taken from its queue and not given back.</summary>
internal sealed class HeldRequest
{
    internal static readonly StateLayout<HeldRequest> Layout = new("virtio-blk-request", version: 1)
    {
        { "queue", s => ref s.Queue },
        { "head", s => ref s.Head },
    };

    /// <summary>Its queue.</summary>
    internal ushort Queue;

    /// <summary>The first descriptor of its chain.</summary>
    internal ushort Head;
}

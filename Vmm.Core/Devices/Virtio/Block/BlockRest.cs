using Vmm.Core.Devices.Virtio.Saved;
using Vmm.Core.State;

namespace Vmm.Core.Devices.Virtio.Block;

/// <summary>What a block device has and QEMU's section no place for.</summary>
internal sealed class BlockRest : IVirtioRest
{
    internal static readonly StateLayout<BlockRest> Layout = new("vmm/virtio-blk", version: 1)
    {
        { "held_count", s => ref s.HeldCount },
        { "held", s => ref s.Held, HeldRequest.Layout, "held_count", BlockState.MostHeld },
        { "virtio", s => s.Virtio, VirtioRest.Layout },
    };

    internal uint HeldCount;
    internal HeldRequest[] Held = [];

    /// <inheritdoc/>
    public VirtioRest Virtio { get; } = new();
}

using System.Buffers.Binary;
using Vmm.Core.Devices.Virtio.Saved;
using Vmm.Core.State;
using static Vmm.Core.Devices.Virtio.Block.BlockRegisters;

namespace Vmm.Core.Devices.Virtio.Block;

/// <summary>A block device in a saved file.</summary>
/// <param name="device">The device.</param>
/// <param name="transport">What saves and loads it.</param>
/// <param name="section">The name of QEMU's section.</param>
/// <param name="instance">Which of several with this name.</param>
/// <param name="options">The device's properties.</param>
internal sealed class BlockForm(BlockDevice device, IStateful transport, string section, int instance, BlockDeviceOptions options)
    : VirtioForm<BlockState, SavedBlock, BlockRest>(
        new(device, transport, section, instance) { Sizes = options.QueueSizes, ConfigurationLength = options.SavedConfigurationLength },
        BlockState.Layout,
        () => new BlockState(options.Queues) { WriteCache = options.WriteCache },
        Layout,
        BlockRest.Layout)
{
    /// <summary>The layout of QEMU's section.</summary>
    internal static readonly StateLayout<SavedVirtio<SavedBlock>> Layout = SavedVirtio<SavedBlock>.LayoutOf("virtio-blk", version: 2);

    /// <inheritdoc/>
    protected override VirtioState VirtioOf(BlockState own) => own.Virtio;

    /// <inheritdoc/>
    protected override void FillPart(BlockState own, SavedVirtio<SavedBlock> saved, BlockRest rest)
    {
        saved.Part.Requests.Clear();
        (rest.HeldCount, rest.Held) = (own.HeldCount, own.Held);
    }

    /// <inheritdoc/>
    protected override void TakePart(BlockState own, SavedVirtio<SavedBlock> saved, BlockRest? rest)
    {
        // A configuration space without a block size is one that the guest has never read.
        var space = saved.Configuration.AsSpan();
        bool hasSpace = space.Length > WriteCacheOffset && BinaryPrimitives.ReadUInt32LittleEndian(space[BlockSizeOffset..]) != 0;
        own.WriteCache = hasSpace ? space[WriteCacheOffset] != 0 : options.WriteCache;

        var requests = saved.Part.Requests;
        if (rest is not null && requests.Count > 0)
        {
            throw new StateException($"virtio-blk request list: none expected beside 'vmm/virtio-blk', {requests.Count} found");
        }

        (own.HeldCount, own.Held) = rest is null ? ((uint)requests.Count, [.. requests]) : (rest.HeldCount, rest.Held);
        foreach (var held in own.Held.AsSpan(0, (int)own.HeldCount))
        {
            if (held.Queue < own.Virtio.QueueCount)
            {
                own.Virtio.Queues[held.Queue].NextUsed--;
            }
        }
    }
}

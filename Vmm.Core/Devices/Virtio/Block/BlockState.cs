using Vmm.Core.State;

namespace Vmm.Core.Devices.Virtio.Block;

/// <summary>What a block device must not forget.</summary>
internal sealed class BlockState
{
    /// <summary>As many as the queues of a device can have chains.</summary>
    internal const int MostHeld = VirtioState.MostQueues * VirtQueue.GreatestSize;

    internal static readonly StateLayout<BlockState> Layout = new("virtio-blk", version: 1)
    {
        { "write_cache", s => ref s.WriteCache },
        { "held_count", s => ref s.HeldCount },
        { "held", s => ref s.Held, HeldRequest.Layout, "held_count", MostHeld },
        { "virtio", s => s.Virtio, VirtioState.Layout },
    };

    /// <summary>Whether writes are complete before the medium has them.</summary>
    internal bool WriteCache;

    /// <summary>How many requests are held.</summary>
    internal uint HeldCount;

    /// <summary>Requests that failed, for which the guest was stopped; they are made again when it continues.</summary>
    internal HeldRequest[] Held = [];

    /// <summary>Registers and queues.</summary>
    internal readonly VirtioState Virtio;

    /// <summary>A record of a device without a driver.</summary>
    internal BlockState(int queues) => Virtio = new VirtioState(queues);
}

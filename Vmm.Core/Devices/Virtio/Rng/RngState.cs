using Vmm.Core.State;

namespace Vmm.Core.Devices.Virtio.Rng;

/// <summary>What an entropy device must not forget.</summary>
internal sealed class RngState
{
    internal static readonly StateLayout<RngState> Layout = new("virtio-rng", version: 1)
    {
        { "quota_remaining", s => ref s.QuotaRemaining },
        { "virtio", s => s.Virtio, VirtioState.Layout },
    };

    /// <summary>How many bytes the guest may still have in this period. It goes with the guest, which would otherwise be given a new quota by every update.</summary>
    internal ulong QuotaRemaining;

    /// <summary>Registers and queues.</summary>
    internal readonly VirtioState Virtio = new(queues: 1);
}

using Vmm.Core.Devices.Virtio.Saved;
using Vmm.Core.State;

namespace Vmm.Core.Devices.Virtio.Rng;

/// <summary>What an entropy device has and QEMU's section no place for.</summary>
internal sealed class RngRest : IVirtioRest
{
    internal static readonly StateLayout<RngRest> Layout = new("vmm/virtio-rng", version: 1)
    {
        { "quota_remaining", s => ref s.QuotaRemaining },
        { "virtio", s => s.Virtio, VirtioRest.Layout },
    };

    internal ulong QuotaRemaining;

    /// <inheritdoc/>
    public VirtioRest Virtio { get; } = new();
}

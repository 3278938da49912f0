using Vmm.Core.Devices.Virtio.Saved;
using Vmm.Core.State;

namespace Vmm.Core.Devices.Virtio.Rng;

/// <summary>An entropy device in a saved file.</summary>
/// <param name="device">The device.</param>
/// <param name="transport">What saves and loads it.</param>
/// <param name="section">The name of QEMU's section.</param>
/// <param name="instance">Which of several with this name.</param>
/// <param name="size">The largest size of its queue.</param>
/// <param name="quota">The most bytes in a period.</param>
internal sealed class RngForm(Rng device, IStateful transport, string section, int instance, ushort size, ulong quota)
    : VirtioForm<RngState, NoPart, RngRest>(
        new(device, transport, section, instance) { Sizes = [size], ConfigurationLength = 0 },
        RngState.Layout,
        () => new RngState { QuotaRemaining = quota },
        Layout,
        RngRest.Layout)
{
    /// <summary>The layout of QEMU's section.</summary>
    internal static readonly StateLayout<SavedVirtio<NoPart>> Layout = SavedVirtio<NoPart>.LayoutOf("virtio-rng", version: 1);

    /// <inheritdoc/>
    protected override VirtioState VirtioOf(RngState own) => own.Virtio;

    /// <inheritdoc/>
    protected override void FillPart(RngState own, SavedVirtio<NoPart> saved, RngRest rest) => rest.QuotaRemaining = own.QuotaRemaining;

    /// <inheritdoc/>
    protected override void TakePart(RngState own, SavedVirtio<NoPart> saved, RngRest? rest) => own.QuotaRemaining = rest?.QuotaRemaining ?? quota;
}

using Vmm.Core.State;

namespace Vmm.Core.Devices.Virtio.Saved;

/// <summary>Of a kind of device that has nothing of its own in QEMU's section.</summary>
internal sealed class NoPart : ISavedPart
{
    /// <inheritdoc/>
    public void Save(StateWriter writer, SavedVirtio device)
    {
        // Nothing.
    }

    /// <inheritdoc/>
    public void Load(StateReader reader, SavedVirtio device)
    {
        // Nothing.
    }
}

using Vmm.Core.State;

namespace Vmm.Core.Devices.Virtio.Saved;

/// <summary>What QEMU saves of one kind of virtio device only.</summary>
internal interface ISavedPart
{
    /// <summary>Appends it.</summary>
    /// <param name="writer">Where to.</param>
    /// <param name="device">What all kinds have.</param>
    void Save(StateWriter writer, SavedVirtio device);

    /// <summary>Reads it, in the place of what was there.</summary>
    /// <param name="reader">Where from.</param>
    /// <param name="device">What all kinds have, as far as it was read before.</param>
    /// <exception cref="StateException">The bytes are none.</exception>
    void Load(StateReader reader, SavedVirtio device);
}

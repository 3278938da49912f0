namespace Vmm.Core.State;

/// <summary>
/// A field that a stream's description names and does not explain, as QEMU's "virtio": which bytes it has depends on what is in it, and no list of fields
/// says that.
/// </summary>
public interface IOpaqueState
{
    /// <summary>Appends it.</summary>
    void Save(StateWriter writer);

    /// <summary>Reads it; a blank one can read whatever any other has written.</summary>
    /// <exception cref="StateException">The bytes are none.</exception>
    void Load(StateReader reader);
}

// What an object must offer so that its state can travel: saved in one process, loaded in another.
//
// Loading happens in two steps, because a stream is hostile until all of it was checked. Load fills the plain
// state record and checks it; nothing else in the process changes, so a bad record costs nothing. Apply comes after
// every record of the stream has loaded, and pushes the record to where it acts: into the hypervisor, onto an
// interrupt line, into a back end. Save runs while every vCPU is stopped and every back end is quiesced.

namespace Vmm.Core.State;

/// <summary>Something whose state is part of the machine's state.</summary>
public interface IStateful
{
    /// <summary>The description of the state; the same object for every instance of a type.</summary>
    StateLayout Layout { get; }

    /// <summary>Writes the state. The machine is stopped.</summary>
    /// <param name="writer">Where to.</param>
    void Save(StateWriter writer);

    /// <summary>Reads and checks the state; nothing takes effect yet.</summary>
    /// <param name="reader">Where from.</param>
    /// <exception cref="StateException">The bytes are no state of this layout.</exception>
    void Load(StateReader reader);

    /// <summary>The form that the state has in a saved file, in the condition after power-on; null where it is this one.</summary>
    /// <param name="section">The name of its section.</param>
    /// <param name="instance">The section's instance.</param>
    SavedForm? CreateSavedForm(string section, int instance) => null;

    /// <summary>Makes a loaded state take effect. Called once, after every record has loaded and before a vCPU runs.</summary>
    void Apply()
    {
    }
}

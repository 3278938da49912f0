namespace Vmm.Core.Hypervisors;

/// <summary>The memory that a guest has.</summary>
public interface IMemorySlots
{
    /// <summary>Gives the guest memory.</summary>
    /// <param name="slot">Which; slots do not overlap.</param>
    /// <exception cref="HypervisorException">The host refused; the message names the slot.</exception>
    void Add(MemorySlot slot);
}

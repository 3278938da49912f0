namespace Vmm.Core.Hypervisors;

/// <summary>The guest's paravirtual clock, as far as a pause concerns it.</summary>
public interface IGuestClock
{
    /// <summary>Freezes it, for a pause that the guest's time must not show.</summary>
    /// <exception cref="HypervisorException">The host refused; the clock runs.</exception>
    void Freeze();

    /// <summary>Lets it continue from where it was frozen.</summary>
    /// <exception cref="HypervisorException">The host refused; the clock stays frozen.</exception>
    void Thaw();
}

namespace Vmm.Core.Buses;

/// <summary>A wire into the interrupt controllers. May be driven from any thread.</summary>
public interface IInterruptLine
{
    /// <summary>Drives the wire high or low; an edge-triggered input latches on low to high.</summary>
    void Set(bool level);
}

namespace Vmm.Core.Buses;

/// <summary>A run of I/O ports.</summary>
/// <param name="First">The first port.</param>
/// <param name="Count">How many.</param>
public readonly record struct PortRange(ushort First, int Count)
{
    /// <summary>The port after the last one.</summary>
    public int End => First + Count;
}

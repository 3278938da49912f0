// A device behind guest-physical addresses. An access is 1 to 8 bytes and is wholly inside the device's range; which widths and which offsets
// mean something is for the device to decide: what it does not have reads as zeros, and a write to it has no effect.
//
// Called on vCPU threads, possibly several at once, and never allocates.

namespace Vmm.Core.Buses;

/// <summary>A device that answers memory accesses.</summary>
public interface IMmioDevice
{
    /// <summary>The addresses it answers.</summary>
    MmioRange Range { get; }

    /// <summary>Reads 1 to 8 bytes, lowest first.</summary>
    /// <param name="offset">From the first address.</param>
    /// <param name="data">Filled by the device.</param>
    void Read(ulong offset, Span<byte> data);

    /// <summary>Writes 1 to 8 bytes, lowest first.</summary>
    /// <param name="offset">From the first address.</param>
    /// <param name="data">What the guest wrote.</param>
    void Write(ulong offset, ReadOnlySpan<byte> data);
}

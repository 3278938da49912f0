using System.Buffers.Binary;

namespace Vmm.Tests.Faults;

/// <summary>What a tiny guest knows of its network; guests/net-flow.h is its other half.</summary>
/// <param name="Number">Of the last frame that it gave to its card.</param>
/// <param name="Received">How many frames have come.</param>
/// <param name="Last">The number of the last.</param>
/// <param name="Repeated">How many were not new.</param>
/// <param name="IsLinkUp">Whether its card said so at the last tick.</param>
internal readonly record struct NetworkFlow(uint Number, uint Received, uint Last, uint Repeated, bool IsLinkUp)
{
    private const long Counts = 0x242000;

    /// <summary>Looks.</summary>
    internal static NetworkFlow Of(RamFile ram)
    {
        byte[] counts = ram.Read(Counts, 5 * sizeof(uint));
        return new(At(0), At(1), At(2), At(3), (At(4) & 1) != 0);

        uint At(int index) => BinaryPrimitives.ReadUInt32LittleEndian(counts.AsSpan(index * sizeof(uint)));
    }
}

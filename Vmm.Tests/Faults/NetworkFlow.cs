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
    private const long ReceiveRings = 0x240000;
    private const long SendRings = 0x241000;
    private const long Counts = 0x242000;

    /// <summary>How far the queues have come, for messages.</summary>
    internal static string Rings(RamFile ram)
    {
        return $"to receive: {Of(ReceiveRings)}; to send: {Of(SendRings)}; noticed: {At(Counts + 0x18)} and {At(Counts + 0x14)}";

        string Of(long page) => $"offered {At(page + 0x102)}, given back {At(page + 0x202)}, flags {At(page + 0x200)}";
        ushort At(long address) => BinaryPrimitives.ReadUInt16LittleEndian(ram.Read(address, sizeof(ushort)));
    }

    /// <summary>Looks.</summary>
    internal static NetworkFlow Of(RamFile ram)
    {
        byte[] counts = ram.Read(Counts, 5 * sizeof(uint));
        return new(At(0), At(1), At(2), At(3), (At(4) & 1) != 0);

        uint At(int index) => BinaryPrimitives.ReadUInt32LittleEndian(counts.AsSpan(index * sizeof(uint)));
    }
}

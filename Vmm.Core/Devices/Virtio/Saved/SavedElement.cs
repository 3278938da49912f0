using System.Buffers.Binary;
using Vmm.Core.State;

namespace Vmm.Core.Devices.Virtio.Saved;

/// <summary>
/// A chain that QEMU has taken from a queue and not given back. It saves the structure as it lies in memory: head, number of segments to read and to write,
/// four tables with room for 1024 of them each: guest addresses of both kinds, then both kinds' places in its process with their lengths.
/// </summary>
/// <param name="Head">The first descriptor of the chain.</param>
/// <param name="ReadableLengths">How long each of the segments is that the device reads.</param>
internal readonly record struct SavedElement(ushort Head, uint[] ReadableLengths)
{
    private const int MostSegments = 1024;
    private const int ReadableAt = 16 + (2 * MostSegments * sizeof(ulong)) + (MostSegments * SegmentLength);
    private const int SegmentLength = 2 * sizeof(ulong);
    private const int Length = ReadableAt + (MostSegments * SegmentLength);

    /// <summary>Reads one.</summary>
    /// <exception cref="StateException">The bytes are none.</exception>
    internal static SavedElement Read(StateReader reader)
    {
        var bytes = reader.ReadBytes(Length);
        uint head = SavedVirtio.Bounded(BinaryPrimitives.ReadUInt32LittleEndian(bytes), SavedVirtio.MostQueues - 1, "index of an element");
        uint count = SavedVirtio.Bounded(BinaryPrimitives.ReadUInt32LittleEndian(bytes[4..]), MostSegments, "out_num of an element");
        uint[] lengths = new uint[count];
        for (int i = 0; i < lengths.Length; i++)
        {
            ulong length = BinaryPrimitives.ReadUInt64LittleEndian(bytes[(ReadableAt + (i * SegmentLength) + sizeof(ulong))..]);
            lengths[i] = length <= uint.MaxValue
                ? (uint)length
                : throw new StateException($"length of an element's segment: at most {uint.MaxValue} expected, {length} found");
        }

        return new((ushort)head, lengths);
    }
}

// A part of guest RAM that a device touches directly: the rings of its queues.
//
// Everything else in guest memory is copied by the kernel, which answers with an error for a page that cannot be had. A ring is read and
// written a few bytes at a time and several times a request, so its pages are made present once, when the queue starts, and then
// touched by address. The guest writes the same bytes at the same time: each number is read in one access, once, and the
// reader uses what it read. Reads acquire and writes release, which is the order that the ring protocol rests on.

using Vmm.Core.Buses;

namespace Vmm.Core.Memory;

/// <summary>A range of guest RAM whose pages are present. Numbers are little endian and naturally aligned. Any thread.</summary>
public readonly unsafe struct RingMemory
{
    private readonly byte* _start;
    private readonly uint _length;

    private RingMemory(nint start, uint length)
    {
        _start = (byte*)start;
        _length = length;
    }

    /// <summary>Makes a range present.</summary>
    /// <param name="memory">Guest RAM.</param>
    /// <param name="address">The guest-physical address, a multiple of <paramref name="alignment"/>.</param>
    /// <param name="length">How many bytes.</param>
    /// <param name="alignment">A power of two, at most a page.</param>
    /// <param name="ring">The range; it is good for as long as the RAM is.</param>
    /// <returns>False if the range is not aligned, not RAM, or the host cannot provide it.</returns>
    public static bool TryOpen(IGuestMemory memory, ulong address, uint length, uint alignment, out RingMemory ring)
    {
        ArgumentNullException.ThrowIfNull(memory);
        ring = default;
        if (address % alignment != 0 || !memory.TryPopulate(address, length, out nint host))
        {
            return false;
        }

        ring = new RingMemory(host, length);
        return true;
    }

    /// <summary>Reads 16 bits.</summary>
    public ushort ReadUInt16(uint offset) => Volatile.Read(ref *(ushort*)At(offset, sizeof(ushort)));

    /// <summary>Reads 64 bits.</summary>
    public ulong ReadUInt64(uint offset) => Volatile.Read(ref *(ulong*)At(offset, sizeof(ulong)));

    /// <summary>Writes 16 bits.</summary>
    public void WriteUInt16(uint offset, ushort value) => Volatile.Write(ref *(ushort*)At(offset, sizeof(ushort)), value);

    /// <summary>Writes 32 bits.</summary>
    public void WriteUInt32(uint offset, uint value) => Volatile.Write(ref *(uint*)At(offset, sizeof(uint)), value);

    /// <summary>Inside the range, and so in pages that were made present: the one place where an address is made.</summary>
    private byte* At(uint offset, uint size) => size <= _length && offset <= _length - size
        ? _start + offset
        : throw new ArgumentOutOfRangeException(nameof(offset));
}

// Which part of guest memory is taken by what at boot.
//
// Everything that a loader places claims its range first: kernel, initial RAM disk, command line, tables. A claim that is
// not all RAM, or that meets another one, ends the boot with a sentence that names both. So a hostile kernel header or
// segment cannot put itself over what the loader relies on, and no loader needs to think of any other.

using Vmm.Core.Memory;

namespace Vmm.Core.Boot;

/// <summary>Guest memory being filled for a boot.</summary>
internal sealed class BootArea(GuestMemory memory)
{
    private readonly List<Claim> _claims = [];

    private readonly record struct Claim(string What, ulong Start, ulong Length)
    {
        internal ulong End => Start + Length;

        public override string ToString() => $"{What} (0x{Start:x} to 0x{End - 1:x})";
    }

    /// <summary>The memory's ranges.</summary>
    internal List<MemoryMap.Range> Map => MemoryMap.Of(memory);

    /// <summary>Takes a range.</summary>
    /// <param name="what">Who takes it, for messages: "segment 2 of 'vmlinux'".</param>
    /// <param name="start">Guest-physical address.</param>
    /// <param name="length">Bytes.</param>
    /// <exception cref="BootException">It is not all RAM, or is taken.</exception>
    internal void Take(string what, ulong start, ulong length)
    {
        if (length == 0)
        {
            return;
        }

        if (!memory.Contains(start, length))
        {
            throw new BootException($"{what} needs {length} bytes at 0x{start:x}, which is not RAM: guest RAM has {memory.Ram.Size} bytes");
        }

        var claim = new Claim(what, start, length);
        foreach (var other in _claims)
        {
            if (claim.Start < other.End && other.Start < claim.End)
            {
                throw new BootException($"{claim} overlaps {other}");
            }
        }

        _claims.Add(claim);
    }

    /// <summary>Takes the highest free run of whole pages below 4 GiB and at or below a limit.</summary>
    /// <param name="what">Who takes it, for messages.</param>
    /// <param name="length">Bytes.</param>
    /// <param name="last">The highest address that may be used.</param>
    /// <returns>Its address.</returns>
    /// <exception cref="BootException">There is no such run.</exception>
    internal ulong TakeHighest(string what, ulong length, ulong last)
    {
        const ulong LowestUse = 1 << 20;
        ulong ceiling = Math.Min(memory.BelowHole, last == ulong.MaxValue ? last : last + 1);
        while (length <= ceiling && PageOf(ceiling - length) is var start and >= LowestUse)
        {
            var inTheWay = _claims.Where(c => start < c.End && c.Start < start + length).ToList();
            if (inTheWay.Count == 0)
            {
                Take(what, start, length);
                return start;
            }

            ceiling = inTheWay.Min(c => c.Start);
        }

        throw new BootException(
            $"{what} has {length} bytes, too much for guest RAM of {memory.Ram.Size} bytes: beside the kernel there is no free run of that size up to 0x{Math.Min(memory.BelowHole - 1, last):x}");

        static ulong PageOf(ulong address) => address & ~0xfffUL;
    }

    /// <summary>Writes to a range that was taken.</summary>
    internal void Write(ulong start, ReadOnlySpan<byte> bytes) => memory.Write(start, bytes);

    /// <summary>Takes a range and writes it.</summary>
    internal void Place(string what, ulong start, ReadOnlySpan<byte> bytes)
    {
        Take(what, start, (ulong)bytes.Length);
        memory.Write(start, bytes);
    }

    /// <summary>Takes a range, writes a part of a file to its start and zeroes the rest.</summary>
    internal void Place(string what, ulong start, ulong length, BootFile file, ulong position, ulong count)
    {
        Take(what, start, length);
        Fill(start, file, position, count);
        memory.Fill(start + count, length - count, 0);
    }

    /// <summary>Writes a part of a file to a range that was taken.</summary>
    /// <exception cref="BootException">The file has shrunk.</exception>
    internal void Fill(ulong start, BootFile file, ulong position, ulong count)
    {
        ulong copied = memory.CopyFromFile(start, count, file.Handle, position);
        if (copied < count)
        {
            throw file.Shrunk(position + count);
        }
    }
}

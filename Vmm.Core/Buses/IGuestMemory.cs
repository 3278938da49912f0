namespace Vmm.Core.Buses;

/// <summary>Guest RAM as a device that reads and writes it by itself sees it: by guest-physical address. Any thread; allocates nothing.</summary>
public interface IGuestMemory
{
    /// <summary>Whether all of a range is RAM; true for an empty range anywhere.</summary>
    bool Contains(ulong address, ulong length);

    /// <summary>Copies from guest RAM.</summary>
    /// <returns>False if the range is not RAM, or the host cannot provide it.</returns>
    bool TryRead(ulong address, Span<byte> buffer);

    /// <summary>Copies to guest RAM.</summary>
    /// <returns>False if the range is not RAM, or the host cannot provide it; a part may have been written.</returns>
    bool TryWrite(ulong address, ReadOnlySpan<byte> bytes);

    /// <summary>
    /// Where a range is mapped in this process, for the kernel's iovecs. A page of it may be absent: the kernel answers EFAULT then, while
    /// touching it directly may be the end of the process, unless <see cref="TryPopulate"/> has made it present.
    /// </summary>
    /// <returns>False if the range is not RAM, or not one run of it.</returns>
    bool TryLocate(ulong address, ulong length, out nint host);

    /// <summary>Makes every page of a range present, so that it may be touched directly from now on: for rings.</summary>
    /// <param name="address">The first guest-physical address.</param>
    /// <param name="length">How many bytes.</param>
    /// <param name="host">Where the range is mapped in this process.</param>
    /// <returns>False if the range is not RAM, or the host cannot provide it.</returns>
    bool TryPopulate(ulong address, ulong length, out nint host);
}

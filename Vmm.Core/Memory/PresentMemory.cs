// Small pieces of guest RAM that a device reads and writes with each request: headers, status bytes, indirect tables.
//
// To have the kernel copy sixteen bytes costs more than the rest of a request. So, as with the rings (RingMemory), a page is made present when it
// is met first, and touched by address from then on. Drivers use the same few pages again and again: those that were met last are
// remembered, by a table whose entries replace each other. What the guest writes meanwhile is its own affair; a reader uses only its copy.

using Vmm.Core.Buses;

namespace Vmm.Core.Memory;

/// <summary>Copies between guest RAM and small buffers, by address. One thread at a time; allocates nothing.</summary>
/// <param name="memory">Guest RAM.</param>
internal sealed unsafe class PresentMemory(IGuestMemory memory)
{
    private const int PageBits = 12;
    private const ulong PageSize = 1 << PageBits;
    private const int Entries = 512;

    /// <summary>A page's number plus one, in the place that its number decides; 0 for none.</summary>
    private readonly ulong[] _pages = new ulong[Entries];
    private readonly nint[] _hosts = new nint[Entries];

    /// <summary>Forgets which pages are present.</summary>
    internal void Forget() => Array.Clear(_pages);

    /// <summary>Copies from guest RAM.</summary>
    /// <returns>False if the range is not RAM, or the host cannot provide it.</returns>
    internal bool TryRead(ulong address, Span<byte> buffer)
    {
        while (!buffer.IsEmpty)
        {
            int part = (int)Math.Min((ulong)buffer.Length, PageSize - (address % PageSize));
            if (!TryFind(address, out byte* host))
            {
                return false;
            }

            new ReadOnlySpan<byte>(host, part).CopyTo(buffer);
            buffer = buffer[part..];
            address += (ulong)part;
        }

        return true;
    }

    /// <summary>Copies to guest RAM.</summary>
    /// <returns>False if the range is not RAM, or the host cannot provide it; a part may have been written.</returns>
    internal bool TryWrite(ulong address, ReadOnlySpan<byte> bytes)
    {
        while (!bytes.IsEmpty)
        {
            int part = (int)Math.Min((ulong)bytes.Length, PageSize - (address % PageSize));
            if (!TryFind(address, out byte* host))
            {
                return false;
            }

            bytes[..part].CopyTo(new Span<byte>(host, part));
            bytes = bytes[part..];
            address += (ulong)part;
        }

        return true;
    }

    /// <summary>Where an address is. Right because its whole page is RAM and was made present, and no access crosses a page.</summary>
    private bool TryFind(ulong address, out byte* host)
    {
        ulong page = address >> PageBits;
        int entry = (int)(page % Entries);
        if (_pages[entry] != page + 1)
        {
            if (!memory.TryPopulate(page << PageBits, PageSize, out nint found))
            {
                host = null;
                return false;
            }

            (_pages[entry], _hosts[entry]) = (page + 1, found);
        }

        host = (byte*)_hosts[entry] + (address % PageSize);
        return true;
    }
}

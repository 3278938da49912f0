using System.Runtime.InteropServices;
using Vmm.Core.Buses;

namespace Vmm.Bench.Io;

/// <summary>The memory that driver and device share: pages from address 0 on, all of them there.</summary>
internal sealed class GuestRam : IGuestMemory
{
    internal const ulong Size = 0x40000;

    private const int Page = 4096;

    private readonly byte[] _bytes = GC.AllocateArray<byte>((int)Size + Page, pinned: true);
    private readonly int _first;

    internal GuestRam()
    {
        nint start = Marshal.UnsafeAddrOfPinnedArrayElement(_bytes, 0);
        _first = (int)((Page - (start % Page)) % Page);
        Start = start + _first;
    }

    /// <summary>Where address 0 is mapped.</summary>
    internal nint Start { get; }

    public bool Contains(ulong address, ulong length) => length == 0 || (address < Size && length <= Size - address);

    public bool TryRead(ulong address, Span<byte> buffer)
    {
        bool isRam = Contains(address, (ulong)buffer.Length);
        if (isRam && !buffer.IsEmpty)
        {
            _bytes.AsSpan(_first + (int)address, buffer.Length).CopyTo(buffer);
        }

        return isRam;
    }

    public bool TryWrite(ulong address, ReadOnlySpan<byte> bytes)
    {
        bool isRam = Contains(address, (ulong)bytes.Length);
        if (isRam && !bytes.IsEmpty)
        {
            bytes.CopyTo(_bytes.AsSpan(_first + (int)address));
        }

        return isRam;
    }

    public bool TryLocate(ulong address, ulong length, out nint host)
    {
        host = Start + (nint)address;
        return address < Size && length <= Size - address;
    }

    public bool TryPopulate(ulong address, ulong length, out nint host) => TryLocate(address, length, out host);
}

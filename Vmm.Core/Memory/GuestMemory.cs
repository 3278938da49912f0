// The guest's physical memory.
//
// RAM begins at address 0. What does not fit below 3 GiB continues at 4 GiB; the gigabyte between belongs to devices (IOAPIC
// at 0xfec00000, local APICs at 0xfee00000, virtio-mmio). The split is at 3 GiB whatever the size, as QEMU's microvm has it.
// The host memory behind is one run: the address 4 GiB is the byte after the address 3 GiB - 1.
//
// Accesses name guest-physical addresses, may come from any thread, and never fault this process: see RamBlock. Those of the machine's
// own loader fail by exception; devices, which serve hostile rings, are answered false (IGuestMemory).

using Microsoft.Win32.SafeHandles;
using Vmm.Core.Buses;
using Vmm.Core.Hypervisors;
using Vmm.Core.Native;

namespace Vmm.Core.Memory;

/// <summary>Guest-physical RAM: its layout, and accesses that never fault.</summary>
public sealed class GuestMemory : IGuestMemory, IDisposable
{
    /// <summary>Where RAM stops below 4 GiB.</summary>
    public const ulong HoleStart = 3UL << 30;

    /// <summary>Where it continues.</summary>
    public const ulong HoleEnd = 4UL << 30;

    /// <summary>Lays out a block as RAM. The block belongs to the memory from here on.</summary>
    public GuestMemory(RamBlock ram)
    {
        ArgumentNullException.ThrowIfNull(ram);
        Ram = ram;
        BelowHole = Math.Min(ram.Size, HoleStart);
        AboveHole = ram.Size - BelowHole;
        Slots = AboveHole == 0
            ? [new MemorySlot(0, 0, BelowHole, ram.HostAddress)]
            : [new MemorySlot(0, 0, BelowHole, ram.HostAddress), new MemorySlot(1, HoleEnd, AboveHole, ram.HostAddress + (nint)BelowHole)];
    }

    /// <summary>The host memory behind.</summary>
    public RamBlock Ram { get; }

    /// <summary>Bytes of RAM from address 0 on.</summary>
    public ulong BelowHole { get; }

    /// <summary>Bytes of RAM from <see cref="HoleEnd"/> on; 0 when all fits below the hole.</summary>
    public ulong AboveHole { get; }

    /// <summary>The runs of RAM, for the hypervisor.</summary>
    public IReadOnlyList<MemorySlot> Slots { get; }

    /// <summary>Whether all of a range is RAM; true for an empty range anywhere.</summary>
    public bool Contains(ulong address, ulong length) => length == 0 || TryFind(address, length, out _);

    /// <summary>Fills <paramref name="buffer"/> from guest memory.</summary>
    /// <exception cref="GuestMemoryException">The range is not RAM, or the host cannot provide it.</exception>
    public void Read(ulong address, Span<byte> buffer)
    {
        if (buffer.IsEmpty)
        {
            return;
        }

        ulong offset = Locate("read", address, (ulong)buffer.Length);
        try
        {
            Ram.Read(offset, buffer);
        }
        catch (IOException e)
        {
            throw Failed("read", address, (ulong)buffer.Length, e);
        }
    }

    /// <summary>Writes <paramref name="bytes"/> to guest memory.</summary>
    /// <exception cref="GuestMemoryException">The range is not RAM, or the host cannot provide it; a part may have been written.</exception>
    public void Write(ulong address, ReadOnlySpan<byte> bytes)
    {
        if (bytes.IsEmpty)
        {
            return;
        }

        ulong offset = Locate("write", address, (ulong)bytes.Length);
        try
        {
            Ram.Write(offset, bytes);
        }
        catch (IOException e)
        {
            throw Failed("write", address, (ulong)bytes.Length, e);
        }
    }

    /// <summary>Writes one value to a whole range.</summary>
    /// <exception cref="GuestMemoryException">The range is not RAM, or the host cannot provide it; a part may have been written.</exception>
    public void Fill(ulong address, ulong length, byte value)
    {
        const int Most = 64 << 10;
        if (length == 0)
        {
            return;
        }

        Locate("fill", address, length);
        byte[] part = new byte[Math.Min(length, Most)];
        part.AsSpan().Fill(value);
        while (length > 0)
        {
            int count = (int)Math.Min(length, Most);
            Write(address, part.AsSpan(0, count));
            address += (ulong)count;
            length -= (ulong)count;
        }
    }

    /// <inheritdoc/>
    public bool TryRead(ulong address, Span<byte> buffer)
    {
        if (!TryFind(address, (ulong)buffer.Length, out ulong offset))
        {
            return buffer.IsEmpty;
        }

        try
        {
            Ram.Read(offset, buffer);
            return true;
        }
        catch (IOException)
        {
            return false;
        }
    }

    /// <inheritdoc/>
    public bool TryWrite(ulong address, ReadOnlySpan<byte> bytes)
    {
        if (!TryFind(address, (ulong)bytes.Length, out ulong offset))
        {
            return bytes.IsEmpty;
        }

        try
        {
            Ram.Write(offset, bytes);
            return true;
        }
        catch (IOException)
        {
            return false;
        }
    }

    /// <inheritdoc/>
    public bool TryLocate(ulong address, ulong length, out nint host)
    {
        bool isRam = TryFind(address, length, out ulong offset);
        host = isRam ? Ram.HostAddress + (nint)offset : 0;
        return isRam;
    }

    /// <inheritdoc/>
    public bool TryPopulate(ulong address, ulong length, out nint host)
    {
        if (!TryLocate(address, length, out host))
        {
            return false;
        }

        // A page of a file that allocates none, or has lost its end, is an error here; touched, it would be SIGBUS. An error is believed when it
        // comes twice: the host may have no memory for a moment, and a device without its ring is dead.
        ulong page = (ulong)Environment.SystemPageSize;
        ulong before = (ulong)host % page;
        ulong pages = (before + length + page - 1) / page * page;
        return Mapping.TryAdvise(host - (nint)before, pages, MemoryAdvice.PopulateWrite)
            || Mapping.TryAdvise(host - (nint)before, pages, MemoryAdvice.PopulateWrite);
    }

    /// <summary>Copies a part of a file to guest memory.</summary>
    /// <returns>Bytes copied; fewer than <paramref name="length"/> mean that the file ends there.</returns>
    /// <exception cref="GuestMemoryException">The range is not RAM, or the host cannot provide it or cannot read the file; a part may have been written.</exception>
    internal ulong CopyFromFile(ulong address, ulong length, SafeFileHandle file, ulong position)
    {
        if (length == 0)
        {
            return 0;
        }

        ulong offset = Locate("load", address, length);
        try
        {
            return Ram.ReadFile(offset, length, file, position);
        }
        catch (IOException e)
        {
            throw Failed("load", address, length, e);
        }
    }

    /// <summary>Unmaps the RAM and closes its file. No VM uses it any more.</summary>
    public void Dispose() => Ram.Dispose();

    private static GuestMemoryException Failed(string access, ulong address, ulong length, IOException cause) =>
        new(access, address, length, (cause as PosixException)?.Reason ?? cause.Message, cause);

    private ulong Locate(string access, ulong address, ulong length)
    {
        if (TryFind(address, length, out ulong offset))
        {
            return offset;
        }

        string above = AboveHole == 0 ? "" : $" and from 0x{HoleEnd:x} to 0x{HoleEnd + AboveHole - 1:x}";
        throw new GuestMemoryException(access, address, length, $"outside of RAM, which is from 0x0 to 0x{BelowHole - 1:x}{above}");
    }

    private bool TryFind(ulong address, ulong length, out ulong offset)
    {
        if (address < BelowHole)
        {
            offset = address;
            return length <= BelowHole - address;
        }

        offset = BelowHole + (address - HoleEnd);
        return address >= HoleEnd && address - HoleEnd < AboveHole && length <= AboveHole - (address - HoleEnd);
    }
}

// The I/O port space: 65,536 ports, each owned by at most one device.
//
// An access that no device claims reads as all ones, and what it writes is dropped, as on a PC. One that starts in a device
// and runs past its end is split there. Who owns which port is an immutable table in two levels, swapped whole when a device
// is attached: a vCPU sees it as it was before or as it is after, and takes no lock.

namespace Vmm.Core.Buses;

/// <summary>Routes port accesses to devices.</summary>
public sealed class PortBus
{
    private const int PortCount = 65536;
    private const int PageBits = 8;
    private const int PageSize = 1 << PageBits;

    private static readonly IPortDevice?[] Unclaimed = new IPortDevice?[PageSize];

    private volatile IPortDevice?[][] _pages = [.. Enumerable.Repeat(Unclaimed, PortCount / PageSize)];

    /// <summary>Attaches a device, with all its regions, to its ports. One thread at a time; vCPUs may run.</summary>
    /// <exception cref="InvalidOperationException">A port is taken, or the range leaves the port space; nothing is attached.</exception>
    public void Attach(IPortDevice device)
    {
        ArgumentNullException.ThrowIfNull(device);
        IPortDevice?[][] pages = [.. _pages];
        foreach (var region in device.Regions)
        {
            AttachRegion(pages, region);
        }

        _pages = pages;
    }

    /// <summary>Whether a device answers at a port.</summary>
    public bool Answers(ushort port) => OwnerOf(port) is not null;

    /// <summary>Reads <paramref name="size"/> (1, 2 or 4) bytes.</summary>
    public uint Read(ushort port, int size)
    {
        var device = OwnerOf(port);
        if (device is not null && port + size <= device.Ports.End)
        {
            return device.Read(port - device.Ports.First, size);
        }

        return size == 1 ? 0xff : ReadSplit(port, size);
    }

    /// <summary>Writes <paramref name="size"/> (1, 2 or 4) bytes.</summary>
    public void Write(ushort port, int size, uint value)
    {
        var device = OwnerOf(port);
        if (device is not null && port + size <= device.Ports.End)
        {
            device.Write(port - device.Ports.First, size, value);
        }
        else if (size > 1)
        {
            for (int i = 0; i < size; i++)
            {
                Write((ushort)(port + i), 1, (byte)(value >> (8 * i)));
            }
        }
    }

    /// <summary>Whether a device that a write of <paramref name="size"/> bytes reached is busy (<see cref="IPortDevice.IsBusy"/>).</summary>
    public bool IsBusy(ushort port, int size)
    {
        for (int i = 0; i < size; i++)
        {
            if (OwnerOf((ushort)(port + i)) is { IsBusy: true })
            {
                return true;
            }
        }

        return false;
    }

    private static void AttachRegion(IPortDevice?[][] pages, IPortDevice device)
    {
        var ports = device.Ports;
        if (ports.Count < 1 || ports.End > PortCount)
        {
            throw new InvalidOperationException($"I/O ports 0x{ports.First:x} + {ports.Count} leave the port space");
        }

        for (int port = ports.First; port < ports.End; port++)
        {
            ref var page = ref pages[port >> PageBits];
            if (page[port % PageSize] is not null)
            {
                throw new InvalidOperationException($"I/O port 0x{port:x} is already in use");
            }

            if (port == ports.First || port % PageSize == 0)
            {
                page = [.. page];
            }

            page[port % PageSize] = device;
        }
    }

    private IPortDevice? OwnerOf(ushort port) => _pages[port >> PageBits][port % PageSize];

    private uint ReadSplit(ushort port, int size)
    {
        uint value = 0;
        for (int i = 0; i < size; i++)
        {
            value |= Read((ushort)(port + i), 1) << (8 * i);
        }

        return value;
    }
}

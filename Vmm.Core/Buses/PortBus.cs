// The I/O port space: 65,536 ports, each owned by at most one device.
//
// An access that no device claims reads as all ones and writes into the void, as on a PC. One that starts in a device
// and runs past its end is split there. The table is built before the vCPUs start and never changes while they run, so
// look-ups take no lock.

namespace Vmm.Core.Buses;

/// <summary>Routes port accesses to devices.</summary>
public sealed class PortBus
{
    private readonly IPortDevice?[] _owners = new IPortDevice?[65536];

    /// <summary>Attaches a device, with all its faces, to its ports.</summary>
    /// <exception cref="InvalidOperationException">A port is taken, or the range leaves the port space.</exception>
    public void Attach(IPortDevice device)
    {
        ArgumentNullException.ThrowIfNull(device);
        foreach (var face in device.Faces)
        {
            AttachFace(face);
        }
    }

    /// <summary>Whether a device answers at a port.</summary>
    public bool Answers(ushort port) => _owners[port] is not null;

    /// <summary>Reads <paramref name="size"/> (1, 2 or 4) bytes.</summary>
    public uint Read(ushort port, int size)
    {
        var device = _owners[port];
        if (device is not null && port + size <= device.Ports.End)
        {
            return device.Read(port - device.Ports.First, size);
        }

        return size == 1 ? 0xff : ReadSplit(port, size);
    }

    /// <summary>Writes <paramref name="size"/> (1, 2 or 4) bytes.</summary>
    public void Write(ushort port, int size, uint value)
    {
        var device = _owners[port];
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
            if (_owners[(ushort)(port + i)] is { IsBusy: true })
            {
                return true;
            }
        }

        return false;
    }

    private void AttachFace(IPortDevice device)
    {
        var ports = device.Ports;
        if (ports.Count < 1 || ports.End > _owners.Length)
        {
            throw new InvalidOperationException($"I/O ports 0x{ports.First:x} + {ports.Count} leave the port space");
        }

        var range = _owners.AsSpan(ports.First, ports.Count);
        int taken = range.IndexOfAnyExcept((IPortDevice?)null);
        if (taken >= 0)
        {
            throw new InvalidOperationException($"I/O port 0x{ports.First + taken:x} is already in use");
        }

        range.Fill(device);
    }

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

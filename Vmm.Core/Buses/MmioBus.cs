// Guest-physical addresses that devices answer: ranges in ascending order, none overlapping another.
//
// An access that no device claims, or that runs past a device's end, reads as all ones, and what it writes is dropped. The ranges are an immutable
// table, swapped whole when a device is attached or detached: a vCPU sees it as it was before or as it is after, takes no lock
// and allocates nothing. A vCPU that is inside a device when it is detached finishes there.

namespace Vmm.Core.Buses;

/// <summary>Routes memory accesses to devices.</summary>
public sealed class MmioBus
{
    private volatile IMmioDevice[] _devices = [];

    /// <summary>The devices, by address.</summary>
    public IReadOnlyList<IMmioDevice> Devices => _devices;

    /// <summary>Attaches a device to its addresses. One thread at a time; vCPUs may run.</summary>
    /// <exception cref="InvalidOperationException">An address is taken, or the range is empty or leaves the address space.</exception>
    public void Attach(IMmioDevice device)
    {
        ArgumentNullException.ThrowIfNull(device);
        var range = device.Range;
        if (range.Length == 0 || range.End < range.First)
        {
            throw new InvalidOperationException($"addresses 0x{range.First:x} + 0x{range.Length:x} leave the address space");
        }

        if (_devices.FirstOrDefault(other => range.First < other.Range.End && other.Range.First < range.End) is { } taken)
        {
            throw new InvalidOperationException($"address 0x{Math.Max(range.First, taken.Range.First):x} is already in use");
        }

        _devices = [.. _devices.Append(device).OrderBy(d => d.Range.First)];
    }

    /// <summary>Detaches a device; without effect when it is not attached. One thread at a time; vCPUs may run.</summary>
    public void Detach(IMmioDevice device) => _devices = [.. _devices.Where(other => other != device)];

    /// <summary>Reads 1 to 8 bytes.</summary>
    public void Read(ulong address, Span<byte> data)
    {
        if (Find(address, data.Length) is { } device)
        {
            device.Read(address - device.Range.First, data);
        }
        else
        {
            data.Fill(0xff);
        }
    }

    /// <summary>Writes 1 to 8 bytes.</summary>
    public void Write(ulong address, ReadOnlySpan<byte> data)
    {
        if (Find(address, data.Length) is { } device)
        {
            device.Write(address - device.Range.First, data);
        }
    }

    private IMmioDevice? Find(ulong address, int length)
    {
        var devices = _devices;
        int low = 0;
        int high = devices.Length - 1;
        while (low <= high)
        {
            int middle = (low + high) / 2;
            var range = devices[middle].Range;
            if (address < range.First)
            {
                high = middle - 1;
            }
            else if (address >= range.End)
            {
                low = middle + 1;
            }
            else
            {
                return address + (ulong)length <= range.End ? devices[middle] : null;
            }
        }

        return null;
    }
}

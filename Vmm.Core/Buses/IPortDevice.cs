// A device behind I/O ports. Most registers are bytes, and a device need only say what a byte does: a wider access falls
// apart into bytes, lowest first, as on an 8-bit bus. A device whose registers are wider overrides the wide forms.
//
// Called on vCPU threads, possibly several at once, and never allocates.

namespace Vmm.Core.Buses;

/// <summary>A device that answers I/O ports.</summary>
public interface IPortDevice
{
    /// <summary>The ports it answers.</summary>
    PortRange Ports { get; }

    /// <summary>What is attached to the bus for it: a device whose ports are not contiguous has one region for each run of them.</summary>
    IEnumerable<IPortDevice> Regions => [this];

    /// <summary>Whether it has been written more than it could pass on: a vCPU that wrote to it does not continue while this lasts. Any thread.</summary>
    bool IsBusy => false;

    /// <summary>Reads the byte at <paramref name="offset"/> from the first port.</summary>
    byte ReadByte(int offset);

    /// <summary>Writes the byte at <paramref name="offset"/> from the first port.</summary>
    void WriteByte(int offset, byte value);

    /// <summary>Reads <paramref name="size"/> (1, 2 or 4) bytes, lowest first; the access is wholly inside <see cref="Ports"/>.</summary>
    uint Read(int offset, int size)
    {
        uint value = 0;
        for (int i = 0; i < size; i++)
        {
            value |= (uint)ReadByte(offset + i) << (8 * i);
        }

        return value;
    }

    /// <summary>Writes <paramref name="size"/> (1, 2 or 4) bytes, lowest first; the access is wholly inside <see cref="Ports"/>.</summary>
    void Write(int offset, int size, uint value)
    {
        for (int i = 0; i < size; i++)
        {
            WriteByte(offset + i, (byte)(value >> (8 * i)));
        }
    }
}

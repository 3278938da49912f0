// A queue's descriptor table, and the walk along a chain in it.
//
// A descriptor is 16 bytes: address, length, flags, the next one. A chain may end in a descriptor that points at a table of its own, the
// indirect table, which is copied whole and then walked in the same way. The guest can write anything, and while we read it. So a descriptor
// is read once, an index is checked against the table's size before it is used, and no walk is longer than the table that it is in:
// that ends a chain that loops. An indirect table is as long as the queue's largest size at most, and holds no further one.
// Source: virtio 1.2, section 2.7.5.

using System.Buffers.Binary;
using Vmm.Core.Buses;
using Vmm.Core.Memory;

namespace Vmm.Core.Devices.Virtio;

/// <summary>Reads chains. The thread that serves the queue only.</summary>
/// <param name="memory">Guest RAM.</param>
/// <param name="maximum">The most descriptors of a chain.</param>
internal sealed class DescriptorTable(IGuestMemory memory, int maximum)
{
    internal const int DescriptorLength = 16;

    private const ushort HasNext = 1;
    private const ushort IsWritable = 2;
    private const ushort IsIndirect = 4;

    private readonly PresentMemory _present = new(memory);
    private readonly byte[] _indirect = new byte[maximum * DescriptorLength];
    private RingMemory _table;
    private ushort _size;
    private bool _allowsIndirect;

    /// <summary>How many descriptors were read: what a driver can make the device do.</summary>
    internal long DescriptorsRead { get; private set; }

    /// <summary>Guest RAM for what else of a request is small.</summary>
    internal PresentMemory Present => _present;

    internal bool TryOpen(ulong address, ushort size, bool allowsIndirect)
    {
        (_size, _allowsIndirect) = (size, allowsIndirect);
        _present.Forget();
        return RingMemory.TryOpen(memory, address, (uint)size * DescriptorLength, DescriptorLength, out _table);
    }

    /// <summary>Fills a chain.</summary>
    /// <returns>False if the driver may not have written it.</returns>
    internal bool TryRead(ushort head, DescriptorChain chain)
    {
        chain.Clear(head);
        ushort at = head;
        for (int walked = 0; walked < _size && at < _size; walked++)
        {
            DescriptorsRead++;
            ulong address = _table.ReadUInt64((uint)at * DescriptorLength);
            ulong rest = _table.ReadUInt64(((uint)at * DescriptorLength) + sizeof(ulong));
            ushort flags = (ushort)(rest >> 32);
            if ((flags & IsIndirect) != 0)
            {
                return _allowsIndirect && (flags & HasNext) == 0 && TryReadIndirect(address, (uint)rest, chain);
            }

            if (!chain.TryAdd(new DescriptorSegment(address, (uint)rest), (flags & IsWritable) != 0))
            {
                return false;
            }

            if ((flags & HasNext) == 0)
            {
                return true;
            }

            at = (ushort)(rest >> 48);
        }

        return false;
    }

    private bool TryReadIndirect(ulong address, uint length, DescriptorChain chain)
    {
        if (length == 0 || length % DescriptorLength != 0 || length > _indirect.Length || !_present.TryRead(address, _indirect.AsSpan(0, (int)length)))
        {
            return false;
        }

        int count = (int)length / DescriptorLength;
        int at = 0;
        for (int walked = 0; walked < count && at < count; walked++)
        {
            DescriptorsRead++;
            var descriptor = _indirect.AsSpan(at * DescriptorLength, DescriptorLength);
            ushort flags = BinaryPrimitives.ReadUInt16LittleEndian(descriptor[12..]);
            var segment = new DescriptorSegment(
                BinaryPrimitives.ReadUInt64LittleEndian(descriptor), BinaryPrimitives.ReadUInt32LittleEndian(descriptor[8..]));
            if ((flags & IsIndirect) != 0 || !chain.TryAdd(segment, (flags & IsWritable) != 0))
            {
                return false;
            }

            if ((flags & HasNext) == 0)
            {
                return true;
            }

            at = BinaryPrimitives.ReadUInt16LittleEndian(descriptor[14..]);
        }

        return false;
    }
}

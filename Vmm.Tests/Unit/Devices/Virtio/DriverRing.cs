namespace Vmm.Tests.Unit.Devices.Virtio;

/// <summary>A split queue in memory as a driver sees it. Nothing keeps it from writing what no driver may.</summary>
/// <param name="ram">Guest RAM.</param>
/// <param name="size">Its size.</param>
/// <param name="address">Where its three parts are, one after the other.</param>
/// <param name="part">How far they are from each other.</param>
internal sealed class DriverRing(RingRam ram, ushort size, ulong address = 0x1000, ulong part = 0x1000)
{
    internal const ushort Next = 1;
    internal const ushort Write = 2;
    internal const ushort Indirect = 4;

    internal ushort Size => size;

    internal ulong Descriptors => address;

    internal ulong Available => address + part;

    internal ulong Used => address + (2 * part);

    internal ushort AvailableIndex
    {
        get => ram.UInt16(Available + 2);
        set => ram.Put16(Available + 2, value);
    }

    internal ushort UsedIndex
    {
        get => ram.UInt16(Used + 2);
        set => ram.Put16(Used + 2, value);
    }

    /// <summary>At which used index the driver wants an interrupt, with EVENT_IDX.</summary>
    internal ushort UsedEvent
    {
        set => ram.Put16(Available + 4 + (2ul * size), value);
    }

    /// <summary>At which available index the device wants to be notified, with EVENT_IDX.</summary>
    internal ushort AvailableEvent => ram.UInt16(Used + 4 + (8ul * size));

    internal bool WantsNoInterrupt
    {
        set => ram.Put16(Available, value ? (ushort)1 : (ushort)0);
    }

    internal bool DeviceWantsNoKick => (ram.UInt16(Used) & 1) != 0;

    internal void Describe(ushort at, ulong buffer, uint length, int flags = 0, ushort next = 0) =>
        DescribeIn(Descriptors, at, buffer, length, flags, next);

    /// <summary>Writes a descriptor into a table anywhere.</summary>
    internal void DescribeIn(ulong table, ushort at, ulong buffer, uint length, int flags = 0, ushort next = 0)
    {
        ulong descriptor = table + (16ul * at);
        ram.Put64(descriptor, buffer);
        ram.Put32(descriptor + 8, length);
        ram.Put16(descriptor + 12, (ushort)flags);
        ram.Put16(descriptor + 14, next);
    }

    /// <summary>Makes a chain available.</summary>
    internal void Offer(ushort head)
    {
        ram.Put16(Available + 4 + (2ul * (ushort)(AvailableIndex % size)), head);
        AvailableIndex++;
    }

    /// <summary>The used element at an index: which chain, and how many bytes were written.</summary>
    internal (uint Head, uint Written) UsedAt(int index)
    {
        ulong element = Used + 4 + (8ul * (ulong)(index % size));
        return (ram.UInt32(element), ram.UInt32(element + 4));
    }
}

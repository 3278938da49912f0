using System.Buffers.Binary;
using System.Numerics;
using System.Text;
using Vmm.Core.Backends.Block;
using static Vmm.Core.Devices.Virtio.Block.BlockRegisters;

namespace Vmm.Core.Devices.Virtio.Block;

/// <summary>The properties of a block device, and what its driver reads of them.</summary>
internal sealed record BlockDeviceOptions
{
    /// <summary>The most sectors of one request without data: 2 GiB less one.</summary>
    internal const uint MostSectors = 0x3f_ffff;

    private const uint MostCylinders = 16383;
    private const byte Heads = 16;
    private const byte SectorsOfTrack = 63;

    /// <summary>How many queues it has.</summary>
    internal int Queues { get; init; } = 1;

    /// <summary>The largest size of each queue.</summary>
    internal ushort QueueSize { get; init; } = 256;

    /// <summary>What the driver addresses, in bytes.</summary>
    internal uint LogicalBlockSize { get; init; } = Sector;

    /// <summary>What the medium writes at once, in bytes.</summary>
    internal uint PhysicalBlockSize { get; init; } = Sector;

    /// <summary>The least that is worth a request, in bytes; 0 for nothing in particular.</summary>
    internal uint MinIoSize { get; init; }

    /// <summary>What a request had best have, in bytes; 0 for nothing in particular.</summary>
    internal uint OptIoSize { get; init; }

    /// <summary>The serial number, at most 20 bytes.</summary>
    internal string Serial { get; init; } = "";

    /// <summary>Whether writes are complete before the medium has them, until the driver says otherwise.</summary>
    internal bool WriteCache { get; init; } = true;

    /// <summary>Whether the driver can switch the write cache.</summary>
    internal bool ConfigWriteCache { get; init; } = true;

    /// <summary>Whether the driver may discard.</summary>
    internal bool Discard { get; init; } = true;

    /// <summary>Whether the driver may have zeros written.</summary>
    internal bool WriteZeroes { get; init; } = true;

    /// <summary>What is done when a read fails.</summary>
    internal BlockErrorAction ReadError { get; init; } = BlockErrorAction.Report;

    /// <summary>What is done when a write, a flush or a discard fails.</summary>
    internal BlockErrorAction WriteError { get; init; } = BlockErrorAction.StopOnNoSpace;

    /// <summary>The largest size of each queue, for all of them.</summary>
    internal ushort[] QueueSizes => [.. Enumerable.Repeat(QueueSize, Queues)];

    /// <summary>The serial number as a request for it is answered.</summary>
    internal ReadOnlySpan<byte> SerialBytes => _serial ??= ToSerial(Serial);

    /// <summary>How much of configuration space QEMU has: up to the last field of a feature that is offered.</summary>
    internal int SavedConfigurationLength => WriteZeroes ? 57 : Discard ? 48 : 36;

    /// <summary>The features of this kind of device that are offered.</summary>
    internal ulong Features(BlockDisk disk) =>
        SegMaxFeature | GeometryFeature | BlockSizeFeature | TopologyFeature | FlushFeature
        | (ConfigWriteCache ? ConfigWriteCacheFeature : 0)
        | (disk.IsReadOnly ? ReadOnlyFeature : 0)
        | (Queues > 1 ? MultiQueueFeature : 0)
        | (Discard ? DiscardFeature : 0)
        | (WriteZeroes ? WriteZeroesFeature : 0);

    /// <summary>Fills configuration space.</summary>
    internal void WriteConfiguration(Span<byte> space, BlockDisk disk, bool writeCache)
    {
        space.Clear();
        ulong sectors = (ulong)disk.Length / Sector;
        BinaryPrimitives.WriteUInt64LittleEndian(space, sectors);
        BinaryPrimitives.WriteUInt32LittleEndian(space[12..], (uint)QueueSize - 2);
        BinaryPrimitives.WriteUInt16LittleEndian(space[16..], (ushort)Math.Clamp(sectors / (Heads * SectorsOfTrack), 2, MostCylinders));
        space[18] = Heads;
        space[19] = SectorsOfTrack;
        BinaryPrimitives.WriteUInt32LittleEndian(space[BlockSizeOffset..], LogicalBlockSize);
        space[24] = (byte)BitOperations.Log2(PhysicalBlockSize / LogicalBlockSize);
        BinaryPrimitives.WriteUInt16LittleEndian(space[26..], (ushort)(MinIoSize / LogicalBlockSize));
        BinaryPrimitives.WriteUInt32LittleEndian(space[28..], OptIoSize / LogicalBlockSize);
        space[WriteCacheOffset] = writeCache ? (byte)1 : (byte)0;
        BinaryPrimitives.WriteUInt16LittleEndian(space[34..], (ushort)Queues);
        if (Discard)
        {
            WriteRange(space[36..]);
            BinaryPrimitives.WriteUInt32LittleEndian(space[44..], LogicalBlockSize / Sector);
        }

        if (WriteZeroes)
        {
            WriteRange(space[48..]);
            space[56] = 1;
        }
    }

    private byte[]? _serial;

    private static void WriteRange(Span<byte> space)
    {
        BinaryPrimitives.WriteUInt32LittleEndian(space, MostSectors);
        BinaryPrimitives.WriteUInt32LittleEndian(space[4..], 1);
    }

    private static byte[] ToSerial(string serial)
    {
        var bytes = new byte[IdLength];
        var text = Encoding.UTF8.GetBytes(serial);
        text.AsSpan(0, Math.Min(text.Length, IdLength)).CopyTo(bytes);
        return bytes;
    }
}

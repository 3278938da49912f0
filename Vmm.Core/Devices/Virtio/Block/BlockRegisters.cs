namespace Vmm.Core.Devices.Virtio.Block;

/// <summary>Numbers of the block device. Source: virtio 1.2, section 5.2.</summary>
internal static class BlockRegisters
{
    /// <summary>VIRTIO_BLK_F_SEG_MAX: the most segments of a request are in configuration space.</summary>
    internal const ulong SegMaxFeature = 1UL << 2;

    /// <summary>VIRTIO_BLK_F_GEOMETRY.</summary>
    internal const ulong GeometryFeature = 1UL << 4;

    /// <summary>VIRTIO_BLK_F_RO.</summary>
    internal const ulong ReadOnlyFeature = 1UL << 5;

    /// <summary>VIRTIO_BLK_F_BLK_SIZE.</summary>
    internal const ulong BlockSizeFeature = 1UL << 6;

    /// <summary>VIRTIO_BLK_F_FLUSH: the driver flushes; one that does not accept it has its writes on the medium at once.</summary>
    internal const ulong FlushFeature = 1UL << 9;

    /// <summary>VIRTIO_BLK_F_TOPOLOGY.</summary>
    internal const ulong TopologyFeature = 1UL << 10;

    /// <summary>VIRTIO_BLK_F_CONFIG_WCE: the driver switches the write cache.</summary>
    internal const ulong ConfigWriteCacheFeature = 1UL << 11;

    /// <summary>VIRTIO_BLK_F_MQ.</summary>
    internal const ulong MultiQueueFeature = 1UL << 12;

    /// <summary>VIRTIO_BLK_F_DISCARD.</summary>
    internal const ulong DiscardFeature = 1UL << 13;

    /// <summary>VIRTIO_BLK_F_WRITE_ZEROES.</summary>
    internal const ulong WriteZeroesFeature = 1UL << 14;

    /// <summary>Where the block size is in configuration space.</summary>
    internal const int BlockSizeOffset = 20;

    /// <summary>Where the write cache's switch is in configuration space.</summary>
    internal const int WriteCacheOffset = 32;

    /// <summary>How long configuration space is.</summary>
    internal const int ConfigurationLength = 60;

    internal const uint In = 0;
    internal const uint Out = 1;
    internal const uint Flush = 4;
    internal const uint GetId = 8;
    internal const uint Discard = 11;
    internal const uint WriteZeroes = 13;

    /// <summary>A bit of the type that legacy drivers set; it means nothing.</summary>
    internal const uint BarrierBit = 0x8000_0000;

    internal const byte Ok = 0;
    internal const byte IoError = 1;
    internal const byte Unsupported = 2;

    /// <summary>A request begins with type, priority and sector.</summary>
    internal const int HeaderLength = 16;

    /// <summary>What a discard or a write of zeros has behind the header: sector, count, flags.</summary>
    internal const int RangeLength = 16;

    /// <summary>Of a range's flags: zeros may be written by giving the space back.</summary>
    internal const uint Unmap = 1;

    /// <summary>How long a serial number is, without a NUL if it is as long as that.</summary>
    internal const int IdLength = 20;

    internal const int Sector = 512;
}

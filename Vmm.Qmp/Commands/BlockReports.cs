// What query-block and its kin show of nodes and disks, in QEMU's shape. What this program does not have (backing files, merged requests, zones) is
// there with its zero, because clients expect the members.

using System.Buffers;
using System.Text;
using System.Text.Json;
using Vmm.Core.Backends.Block;
using Vmm.Qmp.Schema;

namespace Vmm.Qmp.Commands;

/// <summary>Describes block nodes and what was done with them.</summary>
internal static class BlockReports
{
    /// <summary>What is shown of a node.</summary>
    /// <param name="graph">All nodes.</param>
    /// <param name="info">The node.</param>
    /// <param name="drive">The drive that it is the uppermost node of; null for none.</param>
    /// <param name="limits">The limits of that drive; null for none.</param>
    internal static BlockDeviceInfo Node(BlockGraph graph, BlockNodeInfo info, DriveConfiguration? drive, ThrottleGroupConfiguration? limits)
    {
        string file = FileName(graph, info.Configuration);
        var node = info.Configuration;
        var report = new BlockDeviceInfo
        {
            File = file,
            NodeName = node.NodeName,
            Ro = info.IsReadOnly,
            Drv = node.Driver,
            BackingFileDepth = 0,
            Encrypted = false,
            DetectZeroes = BlockdevDetectZeroesOptions.Off,
            Bps = 0,
            BpsRd = 0,
            BpsWr = 0,
            Iops = 0,
            IopsRd = 0,
            IopsWr = 0,
            Image = new ImageInfo { Filename = file, Format = node.Driver, VirtualSize = info.Length, ActualSize = (long?)info.Allocated },
            Cache = new BlockdevCacheInfo { Writeback = drive?.WriteCache ?? true, Direct = node.CacheDirect, NoFlush = node.CacheNoFlush },
            WriteThreshold = 0,
            Active = true,
        };
        return limits is null ? report : WithLimits(report, limits);
    }

    /// <summary>What was done with a disk; all zero for a node that has none.</summary>
    internal static BlockDeviceStats Statistics(BlockDisk? disk)
    {
        var done = disk?.Statistics ?? new BlockStatistics();
        return new BlockDeviceStats
        {
            RdBytes = done.Bytes(BlockTraffic.Read),
            WrBytes = done.Bytes(BlockTraffic.Write),
            UnmapBytes = done.Bytes(BlockTraffic.Unmap),
            RdOperations = done.Operations(BlockTraffic.Read),
            WrOperations = done.Operations(BlockTraffic.Write),
            FlushOperations = done.Operations(BlockTraffic.Flush),
            UnmapOperations = done.Operations(BlockTraffic.Unmap),
            RdTotalTimeNs = done.Nanoseconds(BlockTraffic.Read),
            WrTotalTimeNs = done.Nanoseconds(BlockTraffic.Write),
            FlushTotalTimeNs = done.Nanoseconds(BlockTraffic.Flush),
            UnmapTotalTimeNs = done.Nanoseconds(BlockTraffic.Unmap),
            FailedRdOperations = done.Failed(BlockTraffic.Read),
            FailedWrOperations = done.Failed(BlockTraffic.Write),
            FailedFlushOperations = done.Failed(BlockTraffic.Flush),
            FailedUnmapOperations = done.Failed(BlockTraffic.Unmap),
            InvalidRdOperations = done.Invalid(BlockTraffic.Read),
            InvalidWrOperations = done.Invalid(BlockTraffic.Write),
            InvalidFlushOperations = done.Invalid(BlockTraffic.Flush),
            InvalidUnmapOperations = done.Invalid(BlockTraffic.Unmap),
            ZoneAppendBytes = 0,
            ZoneAppendOperations = 0,
            ZoneAppendTotalTimeNs = 0,
            ZoneAppendMerged = 0,
            FailedZoneAppendOperations = 0,
            InvalidZoneAppendOperations = 0,
            WrHighestOffset = 0,
            RdMerged = 0,
            WrMerged = 0,
            UnmapMerged = 0,
            IdleTimeNs = done.IdleNanoseconds,
            AccountInvalid = true,
            AccountFailed = true,
        };
    }

    private static BlockDeviceInfo WithLimits(BlockDeviceInfo report, ThrottleGroupConfiguration limits) => report with
    {
        Bps = (long)limits.TotalBytes.Average,
        BpsRd = (long)limits.ReadBytes.Average,
        BpsWr = (long)limits.WriteBytes.Average,
        Iops = (long)limits.TotalRequests.Average,
        IopsRd = (long)limits.ReadRequests.Average,
        IopsWr = (long)limits.WriteRequests.Average,
        BpsMax = Burst(limits.TotalBytes),
        BpsRdMax = Burst(limits.ReadBytes),
        BpsWrMax = Burst(limits.WriteBytes),
        IopsMax = Burst(limits.TotalRequests),
        IopsRdMax = Burst(limits.ReadRequests),
        IopsWrMax = Burst(limits.WriteRequests),
        BpsMaxLength = Seconds(limits.TotalBytes),
        BpsRdMaxLength = Seconds(limits.ReadBytes),
        BpsWrMaxLength = Seconds(limits.WriteBytes),
        IopsMaxLength = Seconds(limits.TotalRequests),
        IopsRdMaxLength = Seconds(limits.ReadRequests),
        IopsWrMaxLength = Seconds(limits.WriteRequests),
        IopsSize = limits.RequestSize > 0 ? (long)limits.RequestSize : null,
        Group = limits.Id,
    };

    private static long? Burst(ThrottleLimit limit) => limit.Burst > 0 ? (long)limit.Burst : null;

    private static long? Seconds(ThrottleLimit limit) => limit.Burst > 0 ? (long)Math.Max(limit.BurstSeconds, 1) : null;

    /// <summary>A path, or the options as JSON where a path does not say all.</summary>
    private static string FileName(BlockGraph graph, BlockNodeConfiguration node)
    {
        switch (node)
        {
            case FileNodeConfiguration file:
                return file.Filename;
            case RawNodeConfiguration { Offset: 0, Size: null } raw when graph.TryFind(raw.File, out var below):
                return FileName(graph, below.Configuration);
            default:
                var text = new ArrayBufferWriter<byte>();
                using (var writer = new Utf8JsonWriter(text))
                {
                    Write(writer, graph, node);
                }

                return $"json:{Encoding.UTF8.GetString(text.WrittenSpan)}";
        }
    }

    private static void Write(Utf8JsonWriter writer, BlockGraph graph, BlockNodeConfiguration node)
    {
        writer.WriteStartObject();
        writer.WriteString("driver", node.Driver);
        switch (node)
        {
            case FileNodeConfiguration file:
                writer.WriteString("filename", file.Filename);
                break;
            case NullNodeConfiguration none:
                writer.WriteNumber("size", none.Size);
                break;
            case RawNodeConfiguration raw:
                writer.WriteNumber("offset", raw.Offset);
                if (raw.Size is { } size)
                {
                    writer.WriteNumber("size", size);
                }

                break;
            case ThrottleNodeConfiguration throttle:
                writer.WriteString("throttle-group", throttle.Group);
                break;
        }

        if (node.Child is { } child && graph.TryFind(child, out var below))
        {
            writer.WritePropertyName("file");
            Write(writer, graph, below.Configuration);
        }

        writer.WriteEndObject();
    }
}

using Vmm.Core.Text;
using Vmm.Qmp.Schema;

namespace Vmm.Qmp.Hmp;

/// <summary>The commands about disks and the threads that serve them.</summary>
internal static class HmpBlockCommands
{
    internal static IEnumerable<HmpCommand> Commands(CommandHandlers handlers) =>
    [
        new("block_resize", "resize a block image", hmp => handlers.Block.BlockResize(hmp.Context, hmp["device"], null, Size(hmp["size"]!)))
        {
            Parameters = [HmpParameter.Text("device"), HmpParameter.Text("size")],
        },
    ];

    internal static IEnumerable<HmpCommand> Information(CommandHandlers handlers) =>
    [
        new("block", "show info of one block device or all block devices (-n: show named nodes; -v: show details)", hmp => DisksAsync(handlers, hmp))
        {
            Parameters = [HmpParameter.Flag('n'), HmpParameter.Flag('v'), HmpParameter.Optional("device")],
        },
        new("blockstats", "show block device statistics", async hmp =>
        {
            foreach (var disk in await handlers.Block.QueryBlockstats(hmp.Context, null))
            {
                var done = disk.Stats;
                hmp.Line(
                    $"{disk.Device}: rd_bytes={done.RdBytes} wr_bytes={done.WrBytes} rd_operations={done.RdOperations} wr_operations={done.WrOperations} "
                    + $"flush_operations={done.FlushOperations} wr_total_time_ns={done.WrTotalTimeNs} rd_total_time_ns={done.RdTotalTimeNs} "
                    + $"flush_total_time_ns={done.FlushTotalTimeNs} rd_merged={done.RdMerged} wr_merged={done.WrMerged} idle_time_ns={done.IdleTimeNs ?? 0}");
            }
        }),
        new("iothreads", "show iothreads", async hmp =>
        {
            foreach (var thread in await handlers.Machine.QueryIothreads(hmp.Context))
            {
                hmp.Line($"{thread.Id}:");
                hmp.Line($"  thread_id={thread.ThreadId}");
                hmp.Line($"  poll-max-ns={thread.PollMaxNs}");
                hmp.Line($"  poll-grow={thread.PollGrow}");
                hmp.Line($"  poll-shrink={thread.PollShrink}");
                hmp.Line($"  aio-max-batch={thread.AioMaxBatch}");
            }
        }),
    ];

    private static async ValueTask DisksAsync(CommandHandlers handlers, HmpInvocation hmp)
    {
        string? wanted = hmp["device"];
        bool isFirst = true;
        if (hmp.Has('n'))
        {
            foreach (var node in (await handlers.Block.QueryNamedBlockNodes(hmp.Context, null)).Where(node => wanted is null || node.NodeName == wanted))
            {
                Describe(hmp, null, node, ref isFirst);
            }

            return;
        }

        foreach (var disk in (await handlers.Block.QueryBlock(hmp.Context)).Where(disk => wanted is null || disk.Device == wanted))
        {
            Describe(hmp, disk, disk.Inserted!, ref isFirst);
        }
    }

    private static void Describe(HmpInvocation hmp, BlockInfo? disk, BlockDeviceInfo node, ref bool isFirst)
    {
        if (!isFirst)
        {
            hmp.Line();
        }

        isFirst = false;
        string name = disk is { Device.Length: > 0 } ? $"{disk.Device} ({node.NodeName})" : node.NodeName;
        hmp.Line($"{name}: {node.File} ({node.Drv}{(node.Ro ? ", read-only" : "")})");
        if (disk?.Qdev is { } device)
        {
            hmp.Line($"    Attached to:      {device}");
        }

        if (disk is { Removable: true })
        {
            hmp.Line("    Removable device: not locked, tray closed");
        }

        if (disk?.IoStatus is { } status && status != BlockDeviceIoStatus.Ok)
        {
            hmp.Line($"    I/O status:       {status.ToQapi()}");
        }

        string direct = node.Cache.Direct ? ", direct" : "";
        string noFlush = node.Cache.NoFlush ? ", ignore flushes" : "";
        hmp.Line($"    Cache mode:       {(node.Cache.Writeback ? "writeback" : "writethrough")}{direct}{noFlush}");
        if (node.Group is not null)
        {
            hmp.Line(
                $"    I/O throttling:   bps={node.Bps} bps_rd={node.BpsRd} bps_wr={node.BpsWr} bps_max={node.BpsMax ?? 0} bps_rd_max={node.BpsRdMax ?? 0} "
                + $"bps_wr_max={node.BpsWrMax ?? 0} iops={node.Iops} iops_rd={node.IopsRd} iops_wr={node.IopsWr} iops_max={node.IopsMax ?? 0} "
                + $"iops_rd_max={node.IopsRdMax ?? 0} iops_wr_max={node.IopsWrMax ?? 0} iops_size={node.IopsSize ?? 0} group={node.Group}");
        }

        if (hmp.Has('v'))
        {
            hmp.Line();
            hmp.Line("Images:");
            hmp.Line($"image: {node.Image.Filename}");
            hmp.Line($"file format: {node.Image.Format}");
            hmp.Line($"virtual size: {node.Image.VirtualSize} bytes");
            hmp.Line($"disk size: {node.Image.ActualSize ?? 0} bytes");
        }
    }

    /// <summary>A size as QEMU's monitor reads it: MiB without a suffix.</summary>
    private static long Size(string text) => ByteSize.TryParse(text, ByteSize.Mebibyte, out ulong size) && size <= long.MaxValue
        ? (long)size
        : throw QmpException.GenericError($"Parameter 'size' expects a size in MiB, or with a suffix such as 512M or 1G, not '{text}'");
}

using Vmm.Core.State;

namespace Vmm.Tests.Unit.State;

/// <summary>A record with everything that a layout can have.</summary>
internal sealed class SampleDevice
{
    internal const int MostQueues = 4;

    /// <summary>The layout's first version.</summary>
    internal static readonly StateLayout<SampleDevice> First = new("sample-device", version: 1)
    {
        { "levels", s => s.Levels, 3 },
        { "queue_count", s => ref s.QueueCount },
        { "queues", s => ref s.Queues, SampleQueue.First, "queue_count", MostQueues },
        { "channels", s => ref s.Channels, SampleQueue.First, 2 },
        { "timer", s => s.Timer, SampleTimer.First },
    };

    /// <summary>As it grew by fields, the nested layouts' among them.</summary>
    internal static readonly StateLayout<SampleDevice> WithPeriod = new("sample-device", version: 3, minimumVersion: 1)
    {
        { "levels", s => s.Levels, 3 },
        { "masks", s => s.Masks, 2, 2 },
        { "bases", s => s.Bases, 2, 2 },
        { "offsets", s => s.Offsets, 2, 2 },
        { "queue_count", s => ref s.QueueCount },
        { "queues", s => ref s.Queues, SampleQueue.Layout, "queue_count", MostQueues, 0, [(1, 1), (3, 2)] },
        { "channels", s => ref s.Channels, SampleQueue.Layout, 2, 0, [(1, 1), (3, 2)] },
        { "timer", s => s.Timer, SampleTimer.WithPeriod, 0, [(1, 1), (2, 2)] },
    };

    /// <summary>As it grew by subsections, the nested layout's among them.</summary>
    internal static readonly StateLayout<SampleDevice> Layout = new("sample-device", version: 3, minimumVersion: 1)
    {
        { "levels", s => s.Levels, 3 },
        { "masks", s => s.Masks, 2, 2 },
        { "bases", s => s.Bases, 2, 2 },
        { "offsets", s => s.Offsets, 2, 2 },
        { "queue_count", s => ref s.QueueCount },
        { "queues", s => ref s.Queues, SampleQueue.Layout, "queue_count", MostQueues, 0, [(1, 1), (3, 2)] },
        { "channels", s => ref s.Channels, SampleQueue.Layout, 2, 0, [(1, 1), (3, 2)] },
        { "timer", s => s.Timer, SampleTimer.Layout, 0, [(1, 1), (2, 2)] },
        { new StateLayout<SampleDevice>("sample-device/extra", version: 1) { { "extra", s => ref s.Extra } }, s => s.Extra != 0 },
    };

    internal readonly ushort[] Levels = new ushort[3];
    internal readonly uint[] Masks = new uint[2];
    internal readonly ulong[] Bases = new ulong[2];
    internal readonly long[] Offsets = new long[2];
    internal readonly SampleTimer Timer = new();
    internal uint QueueCount;
    internal SampleQueue[] Queues = [];
    internal SampleQueue[] Channels = [new(), new()];
    internal uint Extra;

    /// <summary>A record in which every field has a value of its own.</summary>
    internal static SampleDevice Filled()
    {
        var device = new SampleDevice
        {
            QueueCount = 3,
            Queues = [.. Enumerable.Range(0, 3).Select(i => Queue((ushort)(0x100 + i)))],
            Channels = [Queue(0x201), Queue(0x202)],
            Extra = 7,
        };
        ((ushort[])[1, 2, 0xffff]).CopyTo(device.Levels, 0);
        ((uint[])[3, uint.MaxValue]).CopyTo(device.Masks, 0);
        ((ulong[])[4, ulong.MaxValue]).CopyTo(device.Bases, 0);
        ((long[])[-5, long.MinValue]).CopyTo(device.Offsets, 0);
        (device.Timer.Deadline, device.Timer.Period, device.Timer.Late) = (0x0123456789abcdef, 8, true);
        return device;
    }

    private static SampleQueue Queue(ushort index)
    {
        var queue = new SampleQueue { Index = index, Ready = index % 2 == 0 };
        queue.Requests[0] = index * 10u;
        queue.Requests[1] = index * 20u;
        return queue;
    }
}

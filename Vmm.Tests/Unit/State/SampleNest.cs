using Vmm.Core.State;

namespace Vmm.Tests.Unit.State;

/// <summary>An array whose elements differ in size, because each has an array with a count.</summary>
internal sealed class SampleNest
{
    internal static readonly StateLayout<SampleNest> DeviceLayout = new("nest-device", version: 1)
    {
        { "count", s => ref s.Count },
        { "queues", s => ref s.Queues, SampleQueue.First, "count", 2 },
    };

    internal static readonly StateLayout<SampleNest> Layout = new("nest", version: 1)
    {
        { "count", s => ref s.Count },
        { "devices", s => ref s.Devices, DeviceLayout, "count", 3 },
    };

    internal byte Count;
    internal SampleQueue[] Queues = [];
    internal SampleNest[] Devices = [];

    internal static SampleNest Uneven() => new()
    {
        Count = 2,
        Devices =
        [
            new() { Count = 1, Queues = [new() { Index = 1 }] },
            new() { Count = 2, Queues = [new() { Index = 2 }, new() { Index = 3 }] },
        ],
    };
}

using System.Numerics;
using Vmm.Core.State;

namespace Vmm.Core.Devices.Virtio;

/// <summary>The registers and queues that every virtio device has on every transport; a device's own record has one of these inside.</summary>
public sealed class VirtioState
{
    /// <summary>The most queues that a device can have.</summary>
    public const int MostQueues = 64;

    /// <summary>Its layout.</summary>
    public static readonly StateLayout<VirtioState> Layout = new("virtio", version: 1)
    {
        { "status", s => ref s.Status },
        { "host_features_sel", s => ref s.DeviceFeaturesSelect },
        { "guest_features_sel", s => ref s.DriverFeaturesSelect },
        { "guest_features", s => ref s.DriverFeatures },
        { "queue_sel", s => ref s.QueueSelect },
        { "isr", s => ref s.InterruptStatus },
        { "generation", s => ref s.ConfigGeneration },
        { "queue_count", s => ref s.QueueCount },
        { "queues", s => ref s.Queues, VirtQueueState.Layout, "queue_count", MostQueues },
    };

    /// <summary>Device status; the driver sets bits on vCPUs, the device one of its own on any thread.</summary>
    internal uint Status;

    /// <summary>Which 32 of the offered features are read.</summary>
    internal uint DeviceFeaturesSelect;

    /// <summary>Which 32 of the accepted features are written.</summary>
    internal uint DriverFeaturesSelect;

    /// <summary>The features that the driver accepts.</summary>
    internal ulong DriverFeatures;

    /// <summary>The queue that the queue registers mean.</summary>
    internal uint QueueSelect;

    /// <summary>Why the interrupt is raised: used buffers, configuration.</summary>
    internal uint InterruptStatus;

    /// <summary>Changes with the configuration space.</summary>
    internal uint ConfigGeneration;

    /// <summary>How many queues the device has.</summary>
    internal ushort QueueCount;

    /// <summary>The queues.</summary>
    internal VirtQueueState[] Queues;

    private readonly ushort _count;

    /// <summary>A record of a device without a driver.</summary>
    /// <param name="queues">How many queues the device has, at most <see cref="MostQueues"/>.</param>
    public VirtioState(int queues)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(queues);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(queues, MostQueues);
        QueueCount = _count = (ushort)queues;
        Queues = [.. Enumerable.Range(0, queues).Select(_ => new VirtQueueState())];
    }

    /// <summary>Whether the device is live: the driver has set DRIVER_OK, and neither side has failed.</summary>
    internal bool IsLive =>
        (Volatile.Read(ref Status) & (DeviceStatus.DriverOk | DeviceStatus.NeedsReset | DeviceStatus.Failed)) == DeviceStatus.DriverOk;

    /// <summary>To the state of a device without a driver, apart from the interrupt, which VirtioInterrupt owns.</summary>
    internal void Clear()
    {
        Volatile.Write(ref Status, 0);
        (DeviceFeaturesSelect, DriverFeaturesSelect, DriverFeatures, QueueSelect, ConfigGeneration, QueueCount) = (0, 0, 0, 0, 0, _count);

        // Loading makes room for as many as the stream says, which may be more, and may break off before they are there.
        foreach (var queue in Queues.AsSpan(0, _count))
        {
            queue.Clear();
        }
    }

    /// <summary>Refuses what no device has saved; what the driver chose, such as addresses, is checked when a queue starts.</summary>
    /// <param name="offered">The features that the device offers here.</param>
    /// <param name="sizes">The largest size of each queue.</param>
    /// <exception cref="StateException">There is such.</exception>
    internal void Check(ulong offered, ReadOnlySpan<ushort> sizes)
    {
        Require(QueueCount == sizes.Length, "queue_count", $"{sizes.Length}", $"{QueueCount}");
        Require((Status & ~DeviceStatus.All) == 0, "status", $"bits of 0x{DeviceStatus.All:x}", $"0x{Status:x}");
        Require(
            (Status & DeviceStatus.FeaturesOk) == 0 || IsAcceptable(DriverFeatures, offered),
            "guest_features", $"bits of 0x{offered:x}, among them 0x{VirtioFeatures.Version1:x}", $"0x{DriverFeatures:x}");
        Require(
            (Status & DeviceStatus.DriverOk) == 0 || (Status & DeviceStatus.FeaturesOk) != 0, "status", "no DRIVER_OK without FEATURES_OK", $"0x{Status:x}");
        Require((InterruptStatus & ~VirtioInterrupt.All) == 0, "isr", $"bits of 0x{VirtioInterrupt.All:x}", $"0x{InterruptStatus:x}");
        for (int i = 0; i < sizes.Length; i++)
        {
            var queue = Queues[i];
            Require(IsSize(queue.Size, sizes[i]) || (queue.Size == 0 && !queue.Ready), "num", $"a power of two up to {sizes[i]}", $"{queue.Size}");
        }
    }

    /// <summary>Whether a device may run with these features.</summary>
    internal static bool IsAcceptable(ulong accepted, ulong offered) => (accepted & ~offered) == 0 && (accepted & VirtioFeatures.Version1) != 0;

    /// <summary>Whether a queue may have that size.</summary>
    internal static bool IsSize(uint size, ushort greatest) => BitOperations.IsPow2(size) && size <= greatest;

    private static void Require(bool condition, string field, string expected, string found)
    {
        if (!condition)
        {
            throw new StateException($"virtio {field}: {expected} expected, {found} found");
        }
    }
}

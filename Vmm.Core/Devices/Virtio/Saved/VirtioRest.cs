using Vmm.Core.State;

namespace Vmm.Core.Devices.Virtio.Saved;

/// <summary>What every virtio device has and QEMU's section no place for; a part of a section of ours.</summary>
internal sealed class VirtioRest
{
    internal static readonly StateLayout<VirtioRest> Layout = new("vmm/virtio", version: 1)
    {
        { "host_features_sel", s => ref s.DeviceFeaturesSelect },
        { "guest_features_sel", s => ref s.DriverFeaturesSelect },
        { "queue_sel", s => ref s.QueueSelect },
        { "generation", s => ref s.ConfigGeneration },
        { "queue_count", s => ref s.QueueCount },
        { "queues", s => ref s.Queues, VirtQueueState.Layout, "queue_count", VirtioState.MostQueues },
    };

    /// <summary>More queues than can be read: there is no such section.</summary>
    private const ushort Absent = ushort.MaxValue;

    internal uint DeviceFeaturesSelect;
    internal uint DriverFeaturesSelect;
    internal uint QueueSelect;
    internal uint ConfigGeneration;
    internal ushort QueueCount = Absent;
    internal VirtQueueState[] Queues = [];

    internal bool IsPresent => QueueCount != Absent;

    internal void Fill(VirtioState own)
    {
        (DeviceFeaturesSelect, DriverFeaturesSelect) = (own.DeviceFeaturesSelect, own.DriverFeaturesSelect);
        (QueueSelect, ConfigGeneration) = (own.QueueSelect, own.ConfigGeneration);
        (QueueCount, Queues) = (own.QueueCount, own.Queues);
    }

    /// <summary>To a record that has what QEMU's section says; both have to say the same of a queue.</summary>
    /// <param name="own">The record.</param>
    /// <param name="existing">How many queues QEMU's section has.</param>
    /// <exception cref="StateException">They do not.</exception>
    internal void Take(VirtioState own, uint existing)
    {
        Require(QueueCount == own.QueueCount, "queue_count", own.QueueCount, QueueCount);
        for (int i = 0; i < QueueCount; i++)
        {
            var (ours, qemus) = (Queues[i], own.Queues[i]);
            Require(ours.Size == qemus.Size, $"queues[{i}].num", qemus.Size, ours.Size);
            Require(ours.Ready == qemus.Ready, $"queues[{i}].ready", qemus.Ready ? 1u : 0, ours.Ready ? 1u : 0);
            Require(ours.DescriptorAddress == qemus.DescriptorAddress, $"queues[{i}].desc", qemus.DescriptorAddress, ours.DescriptorAddress);
            Require(ours.AvailableAddress == qemus.AvailableAddress, $"queues[{i}].avail", qemus.AvailableAddress, ours.AvailableAddress);
            Require(ours.UsedAddress == qemus.UsedAddress, $"queues[{i}].used", qemus.UsedAddress, ours.UsedAddress);
            bool isThere = i < existing && qemus is { Ready: true, DescriptorAddress: not 0 };
            Require(
                !isThere || ours.NextAvailable == qemus.NextAvailable, $"queues[{i}].last_avail_idx", qemus.NextAvailable, ours.NextAvailable);
            (qemus.NextAvailable, qemus.NextUsed) = (ours.NextAvailable, ours.NextUsed);
        }

        (own.DeviceFeaturesSelect, own.DriverFeaturesSelect) = (DeviceFeaturesSelect, DriverFeaturesSelect);
        (own.QueueSelect, own.ConfigGeneration) = (QueueSelect, ConfigGeneration);
    }

    private static void Require(bool condition, string field, ulong expected, ulong found)
    {
        if (!condition)
        {
            throw new StateException($"vmm/virtio {field}: {expected} expected, as in the device's other section, {found} found");
        }
    }
}

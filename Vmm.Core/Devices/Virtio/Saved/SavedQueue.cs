using Vmm.Core.State;

namespace Vmm.Core.Devices.Virtio.Saved;

/// <summary>A queue as QEMU saves it: as the device serves it, and as the driver has written its registers.</summary>
internal sealed class SavedQueue
{
    /// <summary>What the driver of a legacy device may choose; any other device has this.</summary>
    internal const uint UsualAlignment = 4096;

    internal static readonly StateLayout<SavedQueue> Rings = new("virtqueue_state", version: 1)
    {
        { "vring.avail", s => ref s.AvailableAddress },
        { "vring.used", s => ref s.UsedAddress },
    };

    internal static readonly StateLayout<SavedQueue> Maximum = new("ringsize_state", version: 1)
    {
        { "vring.num_default", s => ref s.MaximumSize },
    };

    internal static readonly StateLayout<SavedQueue> Registers = new("virtio_mmio/queue_state", version: 1)
    {
        { "num", s => ref s.WrittenSize },
        { "enabled", s => ref s.IsEnabled },
        { "desc[0]", s => ref s.Descriptors.Low },
        { "desc[1]", s => ref s.Descriptors.High },
        { "avail[0]", s => ref s.Available.Low },
        { "avail[1]", s => ref s.Available.High },
        { "used[0]", s => ref s.Used.Low },
        { "used[1]", s => ref s.Used.High },
    };

    /// <summary>The size that is in force: the largest, before the driver has said.</summary>
    internal uint Size;

    /// <summary>The largest size.</summary>
    internal uint MaximumSize;

    internal uint Alignment = UsualAlignment;

    /// <summary>Guest-physical address of the descriptor table; 0 for a queue that is not set up.</summary>
    internal ulong DescriptorAddress;

    /// <summary>Guest-physical address of the available ring.</summary>
    internal ulong AvailableAddress;

    /// <summary>Guest-physical address of the used ring.</summary>
    internal ulong UsedAddress;

    /// <summary>The index in the available ring that is taken next.</summary>
    internal ushort NextAvailable;

    /// <summary>The size that the driver has written; 0 before it has.</summary>
    internal ushort WrittenSize;

    /// <summary>Whether the driver has set it up.</summary>
    internal bool IsEnabled;

    internal Halves Descriptors;
    internal Halves Available;
    internal Halves Used;

    /// <summary>A register of 64 bits, which the driver writes in two parts.</summary>
    internal struct Halves
    {
        internal uint Low;
        internal uint High;

        internal ulong Value
        {
            readonly get => Low | ((ulong)High << 32);
            set => (Low, High) = ((uint)value, (uint)(value >> 32));
        }
    }

    /// <summary>From a queue of ours.</summary>
    /// <param name="own">The queue.</param>
    /// <param name="maximum">Its largest size; 0 if QEMU's device does not have the queue now, which has its registers all the same.</param>
    internal void Fill(VirtQueueState own, ushort maximum)
    {
        (WrittenSize, IsEnabled) = (own.Size, own.Ready);
        (Descriptors.Value, Available.Value, Used.Value) = (own.DescriptorAddress, own.AvailableAddress, own.UsedAddress);
        MaximumSize = maximum;
        Size = maximum > 0 && own.Size > 0 ? own.Size : maximum;
        bool isSetUp = maximum > 0 && own.Ready;
        (DescriptorAddress, AvailableAddress, UsedAddress) = isSetUp ? (own.DescriptorAddress, own.AvailableAddress, own.UsedAddress) : default;

        // A table at address 0 is none to QEMU, which refuses progress without one.
        NextAvailable = DescriptorAddress != 0 ? own.NextAvailable : (ushort)0;
    }

    /// <summary>To a queue of ours: what is in force if it is set up, what was written so far otherwise.</summary>
    internal void Take(VirtQueueState own)
    {
        own.Ready = IsEnabled;
        bool isSetUp = IsEnabled && Size > 0;
        own.Size = isSetUp && Size <= ushort.MaxValue ? (ushort)Size : WrittenSize;
        (own.DescriptorAddress, own.AvailableAddress, own.UsedAddress) = isSetUp
            ? (DescriptorAddress, AvailableAddress, UsedAddress)
            : (Descriptors.Value, Available.Value, Used.Value);
        own.NextAvailable = own.NextUsed = isSetUp ? NextAvailable : (ushort)0;
    }

    internal void Clear()
    {
        (Size, MaximumSize, Alignment) = (0, 0, UsualAlignment);
        (DescriptorAddress, AvailableAddress, UsedAddress, NextAvailable) = (0, 0, 0, 0);
        (WrittenSize, IsEnabled, Descriptors, Available, Used) = (0, false, default, default, default);
    }
}

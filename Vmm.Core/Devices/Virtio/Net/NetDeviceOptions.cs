using System.Buffers.Binary;
using static Vmm.Core.Devices.Virtio.Net.NetRegisters;

namespace Vmm.Core.Devices.Virtio.Net;

/// <summary>The properties of a network device, and what its driver reads of them.</summary>
internal sealed record NetDeviceOptions
{
    /// <summary>The address of the card, until the driver changes it.</summary>
    internal byte[] Mac { get; init; } = [0x52, 0x54, 0x00, 0x12, 0x34, 0x56];

    /// <summary>How many pairs of queues it has.</summary>
    internal int Pairs { get; init; } = 1;

    /// <summary>The largest size of a queue to receive.</summary>
    internal ushort RxQueueSize { get; init; } = 256;

    /// <summary>The largest size of a queue to send.</summary>
    internal ushort TxQueueSize { get; init; } = 256;

    /// <summary>The largest size of the control queue.</summary>
    internal const ushort ControlQueueSize = 64;

    /// <summary>The largest packet that the driver is to send; 0 for no advice.</summary>
    internal ushort Mtu { get; init; }

    /// <summary>Megabits a second, for the driver to show; null if it is not said.</summary>
    internal uint? Speed { get; init; }

    /// <summary>Whether both directions at once, for the driver to show; null if it is not said.</summary>
    internal bool? IsFullDuplex { get; init; }

    /// <summary>The features that the properties leave on.</summary>
    internal ulong Switches { get; init; } = ulong.MaxValue;

    /// <summary>The largest size of each queue.</summary>
    internal ushort[] QueueSizes =>
        [.. Enumerable.Range(0, 2 * Pairs).Select(queue => queue % 2 == 0 ? RxQueueSize : TxQueueSize), ControlQueueSize];

    /// <summary>The most descriptors of a chain of any queue.</summary>
    internal int LongestChain => Math.Max(ControlQueueSize, Math.Max(RxQueueSize, TxQueueSize));

    /// <summary>The features of this kind of device that are offered. One that rests on another goes with it.</summary>
    /// <param name="hasHeaders">Whether the back end's frames have headers.</param>
    internal ulong Features(bool hasHeaders)
    {
        ulong features = Switches & (NeedHeaders | NeedControlQueue | ControlQueueFeature | MergeableFeature | StatusFeature);
        features &= hasHeaders ? ulong.MaxValue : ~NeedHeaders;
        features &= (features & ControlQueueFeature) != 0 ? ulong.MaxValue : ~NeedControlQueue;
        return features
            | MacFeature
            | (Mtu > 0 ? MtuFeature : 0)
            | (Speed is not null || IsFullDuplex is not null ? SpeedDuplexFeature : 0);
    }

    /// <summary>How much of configuration space QEMU has: up to the last field of a feature that is offered.</summary>
    internal static int SavedConfigurationLength(ulong features) =>
        (features & SpeedDuplexFeature) != 0 ? 17
        : (features & MtuFeature) != 0 ? 12
        : (features & MultiQueueFeature) != 0 ? 10
        : (features & StatusFeature) != 0 ? 8
        : MacLength;

    /// <summary>Fills configuration space behind the address.</summary>
    internal void WriteConfiguration(Span<byte> space, ushort status)
    {
        BinaryPrimitives.WriteUInt16LittleEndian(space[6..], status);
        BinaryPrimitives.WriteUInt16LittleEndian(space[8..], (ushort)Pairs);
        BinaryPrimitives.WriteUInt16LittleEndian(space[10..], Mtu);
        BinaryPrimitives.WriteUInt32LittleEndian(space[12..], Speed ?? uint.MaxValue);
        space[16] = IsFullDuplex switch { true => 1, false => 0, null => byte.MaxValue };
    }
}

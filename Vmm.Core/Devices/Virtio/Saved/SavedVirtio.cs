// A virtio device over MMIO as QEMU saves it. Its section has one field, of which a stream's description says no more than its length:
//
//     transport      which halves of the features are selected, page size of a legacy device
//     device         status, interrupt, selected queue, features (low), configuration space
//     queues         number; of each: size, alignment, descriptor table, next index in the available ring
//     kind           what this kind of device has (ISavedPart)
//     subsections    features (all), other rings, largest sizes, broken, the transport's registers, started
//
// QEMU has 1024 queues, of which those without a size do not exist; the subsections have all of them. Numbers are big endian, configuration
// space is as the guest reads it. The index in the used ring is nowhere: QEMU reads it in guest memory.

using Vmm.Core.State;

namespace Vmm.Core.Devices.Virtio.Saved;

/// <summary>What QEMU saves of any virtio device.</summary>
internal abstract class SavedVirtio : IOpaqueState
{
    /// <summary>How many queues a device of QEMU's has, most of which do not exist.</summary>
    internal const int MostQueues = 1024;

    /// <summary>As much as the transport shows.</summary>
    internal const int LongestConfiguration = 0x100;

    /// <summary>What the type of the field is called in a stream's description.</summary>
    internal const string FieldType = "virtio";

    internal static readonly StateLayout<SavedVirtio> Transport = new("virtio_mmio", version: 1)
    {
        {
            new("virtio_mmio/state", version: 1)
            {
                { "guest_features[0]", s => ref s.WrittenFeatures.Low },
                { "guest_features[1]", s => ref s.WrittenFeatures.High },
                { "vqs", s => ref s.Queues, SavedQueue.Registers, MostQueues },
            },
            static _ => true
        },
    };

    internal static readonly StateLayout<SavedVirtio> Subsections = new("virtio", version: 1)
    {
        { new("virtio/64bit_features", version: 1) { { "guest_features", s => ref s.Features } }, static _ => true },
        { new("virtio/virtqueues", version: 1) { { "vq", s => ref s.Queues, SavedQueue.Rings, MostQueues } }, static _ => true },
        { new("virtio/ringsize", version: 1) { { "vq", s => ref s.Queues, SavedQueue.Maximum, MostQueues } }, static s => s.HasSizes },
        { new("virtio/broken", version: 1) { { "broken", s => ref s.IsBroken } }, static s => s.IsBroken },
        { new("virtio/extra_state", version: 1) { { "extra_state", static s => s, Transport } }, static _ => true },
        { new("virtio/started", version: 1) { { "started", s => ref s.IsStarted } }, static s => s.IsStarted },
    };

    /// <summary>What no ring's address is: there until the addresses are read, which only a legacy device does not have.</summary>
    private const ulong NoAddress = ulong.MaxValue;

    internal uint HostFeaturesSelect;
    internal uint GuestFeaturesSelect;
    internal byte Status;
    internal byte InterruptStatus;
    internal ushort QueueSelect;

    /// <summary>The features that are in force: none before FEATURES_OK.</summary>
    internal ulong Features;

    /// <summary>The features as the driver has written them.</summary>
    internal SavedQueue.Halves WrittenFeatures;

    /// <summary>Configuration space; zeros if the guest has never read it.</summary>
    internal byte[] Configuration = [];

    /// <summary>How many queues exist.</summary>
    internal uint QueueCount;

    internal SavedQueue[] Queues = [.. Enumerable.Range(0, MostQueues).Select(_ => new SavedQueue())];

    /// <summary>Whether the driver has broken a rule.</summary>
    internal bool IsBroken;

    /// <summary>Whether the driver has started the device.</summary>
    internal bool IsStarted;

    /// <summary>Whether it is a device of virtio 1.</summary>
    internal bool IsModern => Queues[^1].AvailableAddress != NoAddress;

    internal ReadOnlySpan<SavedQueue> Existing => Queues.AsSpan(0, (int)QueueCount);

    private bool HasSizes => Array.Exists(Queues, static queue => queue.Size != queue.MaximumSize);

    /// <inheritdoc/>
    public void Save(StateWriter writer)
    {
        ArgumentNullException.ThrowIfNull(writer);
        writer.WriteUInt32(HostFeaturesSelect);
        writer.WriteUInt32(GuestFeaturesSelect);
        writer.WriteUInt32(0);
        writer.WriteByte(Status);
        writer.WriteByte(InterruptStatus);
        writer.WriteUInt16(QueueSelect);
        writer.WriteUInt32((uint)Features);
        writer.WriteUInt32((uint)Configuration.Length);
        writer.WriteBytes(Configuration);
        writer.WriteUInt32(QueueCount);
        foreach (var queue in Existing)
        {
            writer.WriteUInt32(queue.Size);
            writer.WriteUInt32(queue.Alignment);
            writer.WriteUInt64(queue.DescriptorAddress);
            writer.WriteUInt16(queue.NextAvailable);
        }

        SavePart(writer);
        writer.Write(Subsections, this);
    }

    /// <inheritdoc/>
    public void Load(StateReader reader)
    {
        ArgumentNullException.ThrowIfNull(reader);
        Clear();
        HostFeaturesSelect = reader.ReadUInt32();
        GuestFeaturesSelect = reader.ReadUInt32();
        _ = reader.ReadUInt32();
        (Status, InterruptStatus) = (reader.ReadByte(), reader.ReadByte());
        QueueSelect = reader.ReadUInt16();
        uint features = reader.ReadUInt32();
        Features = features;
        Configuration = reader.ReadBytes((int)Bounded(reader.ReadUInt32(), LongestConfiguration, "config_len")).ToArray();
        QueueCount = Bounded(reader.ReadUInt32(), MostQueues, "number of queues");
        foreach (var queue in Existing)
        {
            (queue.Size, queue.Alignment) = (reader.ReadUInt32(), reader.ReadUInt32());
            queue.DescriptorAddress = reader.ReadUInt64();
            queue.NextAvailable = reader.ReadUInt16();
        }

        LoadPart(reader);
        Subsections.Load(reader, this, Subsections.Version);
        SubsectionHead.RequireNone(reader, Subsections);
        if ((uint)Features != features)
        {
            throw new StateException($"virtio/64bit_features: 0x{features:x} in the lower half expected, as before, 0x{(uint)Features:x} found");
        }
    }

    /// <summary>A number that was read, if it is not too large.</summary>
    /// <exception cref="StateException">It is.</exception>
    internal static uint Bounded(uint value, uint most, string field) =>
        value <= most ? value : throw new StateException($"{field}: at most {most} expected, {value} found");

    /// <summary>Writes what this kind of device has.</summary>
    protected abstract void SavePart(StateWriter writer);

    /// <summary>Reads what this kind of device has.</summary>
    protected abstract void LoadPart(StateReader reader);

    private void Clear()
    {
        (WrittenFeatures, IsBroken, IsStarted) = (default, false, false);
        Array.ForEach(Queues, static queue => queue.Clear());
        Queues[^1].AvailableAddress = NoAddress;
    }
}

/// <summary>What QEMU saves of one kind of virtio device.</summary>
/// <typeparam name="TPart">What that kind has beyond what all have.</typeparam>
internal sealed class SavedVirtio<TPart> : SavedVirtio
    where TPart : class, ISavedPart, new()
{
    internal TPart Part { get; } = new();

    /// <summary>The layout of such a device's section.</summary>
    internal static StateLayout<SavedVirtio<TPart>> LayoutOf(string name, int version) =>
        new(name, version) { { FieldType, static s => s, FieldType, static () => new SavedVirtio<TPart>() } };

    /// <inheritdoc/>
    protected override void SavePart(StateWriter writer) => Part.Save(writer, this);

    /// <inheritdoc/>
    protected override void LoadPart(StateReader reader) => Part.Load(reader, this);
}

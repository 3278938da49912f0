namespace Vmm.Core.Devices.Virtio;

/// <summary>Feature bits that belong to no device in particular. Source: virtio 1.2, section 6.</summary>
public static class VirtioFeatures
{
    /// <summary>VIRTIO_F_INDIRECT_DESC: a descriptor may point at a table of descriptors.</summary>
    public const ulong IndirectDescriptors = 1UL << 28;

    /// <summary>VIRTIO_F_EVENT_IDX: each side says at which index it wants to be notified by the other.</summary>
    public const ulong EventIndex = 1UL << 29;

    /// <summary>VIRTIO_F_VERSION_1: no legacy device; a driver that does not accept it is refused.</summary>
    public const ulong Version1 = 1UL << 32;

    /// <summary>What every device offers.</summary>
    public const ulong Common = IndirectDescriptors | EventIndex | Version1;
}

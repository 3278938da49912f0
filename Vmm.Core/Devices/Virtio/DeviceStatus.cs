namespace Vmm.Core.Devices.Virtio;

/// <summary>Bits of the device status. Source: virtio 1.2, section 2.1.</summary>
internal static class DeviceStatus
{
    internal const uint Acknowledge = 0x01;
    internal const uint Driver = 0x02;
    internal const uint DriverOk = 0x04;
    internal const uint FeaturesOk = 0x08;
    internal const uint NeedsReset = 0x40;
    internal const uint Failed = 0x80;

    /// <summary>What a driver sets; <see cref="NeedsReset"/> is the device's own.</summary>
    internal const uint OfDriver = Acknowledge | Driver | DriverOk | FeaturesOk | Failed;

    internal const uint All = OfDriver | NeedsReset;
}

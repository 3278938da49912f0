// A bus that a device of the machine has below itself, for devices of a type of their own: a virtio console's ports sit on it.
//
// Its name is QEMU's: the owner's id and the bus's number, or, of an owner without an id, the bus's kind and a number that counts such buses.

using System.Globalization;

namespace Vmm.Core.Devices.Model;

/// <summary>A bus of a device.</summary>
/// <param name="Name">Its name, by which a device asks for it.</param>
/// <param name="Kind">Its kind, as QEMU calls it: what <see cref="DeviceType.Bus"/> of the devices on it says.</param>
/// <param name="Owner">The complete configuration of the device that has it.</param>
public sealed record DeviceBus(string Name, string Kind, DeviceConfiguration Owner)
{
    /// <summary>The buses of devices, in the order of their owners.</summary>
    public static IReadOnlyList<DeviceBus> Of(IEnumerable<DeviceConfiguration> devices)
    {
        ArgumentNullException.ThrowIfNull(devices);
        var counts = new Dictionary<string, int>(StringComparer.Ordinal);
        List<DeviceBus> buses = [];
        foreach (var device in devices)
        {
            if (device.Type.ProvidedBus is not { } kind)
            {
                continue;
            }

            int number = counts.GetValueOrDefault(kind);
            counts[kind] = device.Id is null ? number + 1 : number;
            buses.Add(new DeviceBus(
                device.Id is { } id ? $"{id}.0" : string.Create(CultureInfo.InvariantCulture, $"{kind}.{number}"), kind, device));
        }

        return buses;
    }
}

using System.Globalization;

namespace Vmm.Core.Devices.Model;

/// <summary>A device that a machine is to have, and where it is in the tree of objects, as QEMU's paths are.</summary>
/// <param name="Configuration">Its configuration, complete.</param>
/// <param name="Path">/machine/peripheral/ID, or /machine/peripheral-anon/device[N] without an id, or /machine/unattached/device[N] for one that does not come from -device.</param>
public sealed record PlacedDevice(DeviceConfiguration Configuration, string Path)
{
    /// <summary>The container of devices with an id.</summary>
    public const string Peripheral = "/machine/peripheral";

    /// <summary>The container of devices that were configured without an id.</summary>
    public const string Anonymous = "/machine/peripheral-anon";

    /// <summary>The container of the machine's own devices.</summary>
    public const string Unattached = "/machine/unattached";

    /// <summary>Gives each device its path.</summary>
    public static IReadOnlyList<PlacedDevice> Of(IEnumerable<DeviceConfiguration> devices)
    {
        ArgumentNullException.ThrowIfNull(devices);
        var counts = new Dictionary<string, int>(StringComparer.Ordinal);
        return [.. devices.Select(device => new PlacedDevice(device, device.Id is { } id ? $"{Peripheral}/{id}" : Next(device)))];

        string Next(DeviceConfiguration device)
        {
            string container = device.IsImplied ? Unattached : Anonymous;
            int number = counts.GetValueOrDefault(container);
            counts[container] = number + 1;
            return string.Create(CultureInfo.InvariantCulture, $"{container}/device[{number}]");
        }
    }
}

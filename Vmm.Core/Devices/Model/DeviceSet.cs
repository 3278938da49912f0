// The devices of a machine as they were configured, made complete: each with its place.
//
// Families are completed one by one, those first whose buses others sit on. So a device on a bus of another device finds the
// buses that there are, and comes after the owner of its bus in every list that is made of this one.

namespace Vmm.Core.Devices.Model;

/// <summary>Completes the devices of a machine.</summary>
public static class DeviceSet
{
    /// <summary>Gives each device its place.</summary>
    /// <param name="devices">All that were configured, in the order given.</param>
    /// <returns>All of them, complete, owners of buses before the devices on them.</returns>
    /// <exception cref="DeviceException">They do not go together.</exception>
    public static IReadOnlyList<DeviceConfiguration> Complete(IEnumerable<DeviceConfiguration> devices)
    {
        ArgumentNullException.ThrowIfNull(devices);
        List<DeviceConfiguration> complete = [];
        foreach (var family in devices.GroupBy(device => device.Type.Family).OrderBy(family => DepthOf(family.First().Type)))
        {
            complete.AddRange(family.First().Type.Complete([.. family], DeviceBus.Of(complete)));
        }

        return complete;
    }

    /// <summary>How many devices are between such a device and the machine's own buses.</summary>
    private static int DepthOf(DeviceType type) =>
        type.Bus is { } bus && DeviceTypes.All.FirstOrDefault(owner => owner.ProvidedBus == bus) is { } owner ? 1 + DepthOf(owner) : 0;
}

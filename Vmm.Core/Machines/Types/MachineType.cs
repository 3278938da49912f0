// A kind of machine: which devices it has by itself, and in which order devices are created, announced to the guest and saved.

using Vmm.Core.Configuration;
using Vmm.Core.Devices.Model;

namespace Vmm.Core.Machines.Types;

/// <summary>The declaration of a machine type.</summary>
public abstract class MachineType
{
    /// <summary>All machine types.</summary>
    public static IReadOnlyList<MachineType> All { get; } = [new Microvm()];

    /// <summary>Its name, as -machine spells it.</summary>
    public abstract string Name { get; }

    /// <summary>What it is, in one line.</summary>
    public abstract string Description { get; }

    /// <summary>The names of all types, for a message.</summary>
    public static string Names => string.Join(", ", All.Select(type => type.Name));

    /// <summary>The type of that name; null if there is none.</summary>
    public static MachineType? Find(string name) => All.FirstOrDefault(type => type.Name == name);

    /// <summary>All devices of a machine, its own and those that were asked for, complete, in the order in which they are created.</summary>
    /// <exception cref="DeviceException">They do not go together.</exception>
    public IReadOnlyList<PlacedDevice> DevicesOf(MachineConfiguration configuration)
    {
        ArgumentNullException.ThrowIfNull(configuration);
        return PlacedDevice.Of(
        [
            .. configuration.CompleteDevices,
            .. OwnDevices(configuration).Select(name => new DeviceConfiguration(
                DeviceTypes.Find(name) ?? throw new InvalidOperationException($"device type '{name}' is not registered")).Implied()),
        ]);
    }

    /// <summary>The driver names of the devices that the machine has by itself.</summary>
    protected abstract IEnumerable<string> OwnDevices(MachineConfiguration configuration);
}

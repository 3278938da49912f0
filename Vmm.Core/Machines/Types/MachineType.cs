// A kind of machine: which devices it has by itself, and in which order devices are created, announced to the guest and saved.
//
// What a machine has by itself may grow from release to release: that is its board revision. A guest keeps the revision that it was started
// on over updates and resets, because its ACPI tables are in its RAM, are made anew at a reset, and describe the board. So every revision
// that was released can be built, and a process that is given a guest builds the one that the guest has.

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

    /// <summary>What -machine can say of it, by name.</summary>
    public abstract IReadOnlyList<MachineProperty> Properties { get; }

    /// <summary>The names of all types, for a message.</summary>
    public static string Names => string.Join(", ", All.Select(type => type.Name));

    /// <summary>The type of that name; null if there is none.</summary>
    public static MachineType? Find(string name) => All.FirstOrDefault(type => type.Name == name);

    /// <summary>The revision of the first release, which said nothing of revisions.</summary>
    public const int FirstRevision = 1;

    /// <summary>The newest revision; all from <see cref="FirstRevision"/> on can be built.</summary>
    public abstract int NewestRevision { get; }

    /// <summary>The revision that a guest is started on: the lowest that has all that was configured.</summary>
    public abstract int RevisionToStart(MachineConfiguration configuration);

    /// <summary>All devices of a machine, its own and those that were configured, complete, in the order in which they are created.</summary>
    /// <param name="configuration">Its configuration.</param>
    /// <param name="revision">The revision of its board.</param>
    /// <exception cref="DeviceException">They do not go together.</exception>
    public IReadOnlyList<PlacedDevice> DevicesOf(MachineConfiguration configuration, int revision)
    {
        ArgumentNullException.ThrowIfNull(configuration);
        Check(configuration, revision);
        return PlacedDevice.Of(
        [
            .. configuration.CompleteDevices,
            .. OwnDevices(configuration, revision).Select(name => new DeviceConfiguration(
                DeviceTypes.Find(name) ?? throw new InvalidOperationException($"device type '{name}' is not registered")).Implied()),
        ]);
    }

    /// <summary>Refuses devices that such a machine has no place for.</summary>
    /// <param name="configuration">The machine's configuration.</param>
    /// <param name="revision">The revision of its board.</param>
    /// <exception cref="DeviceException">There are some.</exception>
    protected virtual void Check(MachineConfiguration configuration, int revision)
    {
    }

    /// <summary>The driver names of the devices that the machine has by itself.</summary>
    /// <param name="configuration">The machine's configuration.</param>
    /// <param name="revision">The revision of its board.</param>
    protected abstract IEnumerable<string> OwnDevices(MachineConfiguration configuration, int revision);
}

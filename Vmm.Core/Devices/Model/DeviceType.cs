// The declaration of a device: everything that the rest of the program must know of it.
//
// A device is one folder with one class derived from this one, of which there is one instance. It registers itself (DeviceTypes),
// so that no list elsewhere names it. From it come -device and its errors, help, introspection, the comparison before an update,
// golden files of its state and the reference page.

using Vmm.Core.State;

namespace Vmm.Core.Devices.Model;

/// <summary>A kind of device.</summary>
public abstract class DeviceType
{
    /// <summary>Declares a device.</summary>
    /// <param name="name">The driver's name, QEMU's where QEMU has the device.</param>
    /// <param name="description">What it is, in one line.</param>
    protected DeviceType(string name, string description)
    {
        Name = name;
        Family = name;
        Description = description;
    }

    /// <summary>The driver's name.</summary>
    public string Name { get; }

    /// <summary>What it is, in one line.</summary>
    public string Description { get; }

    /// <summary>The bus that it sits on, as QEMU calls it; null for one that sits on none.</summary>
    public string? Bus { get; protected init; }

    /// <summary>The kind of the bus that such a device has below itself, as QEMU calls it; null for one that has none.</summary>
    public string? ProvidedBus { get; protected init; }

    /// <summary>The abstract type above it, as QEMU calls it.</summary>
    public string Parent { get; protected init; } = "device";

    /// <summary>
    /// The types that are completed together, because they share places; a name that all of them have. By default a type is alone.
    /// </summary>
    public string Family { get; protected init; }

    /// <summary>Whether -device makes one; otherwise only the machine itself does.</summary>
    public bool IsUserCreatable { get; protected init; } = true;

    /// <summary>Whether it can come and go while the guest runs.</summary>
    public bool IsHotPluggable { get; protected init; }

    /// <summary>Whether such a device has queues, which a thread of their own serves (<see cref="IDeviceContext.IoThread"/>).</summary>
    public bool HasQueues { get; protected init; }

    /// <summary>How many a machine may have.</summary>
    public int Most { get; protected init; } = int.MaxValue;

    /// <summary>The properties, in the order of help and of comparisons.</summary>
    public IReadOnlyList<Property> Properties { get; protected init; } = [];

    /// <summary>The layouts of its state.</summary>
    public IReadOnlyList<StateLayout> Layouts { get; protected init; } = [];

    /// <summary>The option that makes one with its back end; null for none.</summary>
    public ShortOption? ShortOption { get; protected init; }

    /// <summary>
    /// Whether the state of such a device is found in a stream by the device's path. Otherwise by its layout's name and
    /// <see cref="Device.Instance"/>, which is for devices that QEMU or a released version of this program names so.
    /// </summary>
    public bool IsNamedByPath { get; protected init; } = true;

    /// <summary>Whether two processes compare the id of such a device too.</summary>
    public bool ComparesId { get; protected init; }

    /// <summary>The property of that name; null if there is none.</summary>
    public Property? Find(string name) => Properties.FirstOrDefault(property => property.Name == name);

    /// <summary>Builds a device that touches nothing yet: no back end, no interrupt, no guest memory.</summary>
    /// <param name="context">What it is given by its machine.</param>
    /// <param name="configuration">Its configuration, complete.</param>
    public abstract Device Create(IDeviceContext context, DeviceConfiguration configuration);

    /// <summary>What a device is called in a message.</summary>
    public virtual string TitleOf(DeviceConfiguration configuration) => SubjectOf(configuration);

    /// <summary>What a device is called where two processes compare what they have. Never changed once it was released.</summary>
    public virtual string SubjectOf(DeviceConfiguration configuration)
    {
        ArgumentNullException.ThrowIfNull(configuration);
        return $"device {configuration.Id ?? Name}";
    }

    /// <summary>Adds what follows from a machine's other devices of this family, such as the place of one that was given none.</summary>
    /// <param name="devices">All of this family, in the order in which they were configured.</param>
    /// <returns>All of them, complete, in the order in which the machine has them.</returns>
    /// <exception cref="DeviceException">They do not go together, or one lacks what it must be given.</exception>
    public virtual IReadOnlyList<DeviceConfiguration> Complete(IReadOnlyList<DeviceConfiguration> devices)
    {
        ArgumentNullException.ThrowIfNull(devices);
        if (devices.Count > Most)
        {
            throw TooMany(devices[Most]);
        }

        foreach (var device in devices)
        {
            device.Type.RequireAll(device);
            device.Type.Check(device);
        }

        return devices;
    }

    /// <summary>The same for a family that may sit on buses of other devices.</summary>
    /// <param name="devices">All of this family, in the order in which they were configured.</param>
    /// <param name="buses">The buses of the machine's other devices.</param>
    /// <exception cref="DeviceException">They do not go together, or there is no bus for one.</exception>
    public virtual IReadOnlyList<DeviceConfiguration> Complete(IReadOnlyList<DeviceConfiguration> devices, IReadOnlyList<DeviceBus> buses) => Complete(devices);

    /// <summary>Refuses a device whose properties do not go together, whatever else the machine has.</summary>
    /// <exception cref="DeviceException">They do not.</exception>
    protected virtual void Check(DeviceConfiguration device)
    {
    }

    /// <summary>The error for one device more than a machine may have.</summary>
    public virtual DeviceException TooMany(DeviceConfiguration device)
    {
        ArgumentNullException.ThrowIfNull(device);
        return new($"there is {TitleOf(device)} already: expected at most {Most}");
    }

    /// <summary>Refuses a device without a property that it must be given.</summary>
    protected void RequireAll(DeviceConfiguration device)
    {
        ArgumentNullException.ThrowIfNull(device);
        if (Properties.FirstOrDefault(property => property.IsRequired && !device.Has(property)) is { } missing)
        {
            throw new DeviceException($"Parameter '{missing.Name}' is missing");
        }
    }
}

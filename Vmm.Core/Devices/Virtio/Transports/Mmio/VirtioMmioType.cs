using System.Globalization;
using Vmm.Core.Devices.Model;

namespace Vmm.Core.Devices.Virtio.Transports.Mmio;

/// <summary>A virtio device over MMIO: all of them share the places that a machine has for such.</summary>
public abstract class VirtioMmioType : DeviceType
{
    /// <summary>The place.</summary>
    public static readonly ChoiceProperty Place = new(
        "bus", "its place, virtio-mmio-bus.0 to .23; by default the highest that is free", "str", VirtioMmioSlot.Buses);

    /// <summary>Declares a device.</summary>
    /// <param name="name">The driver's name.</param>
    /// <param name="description">What it is, in one line.</param>
    /// <param name="properties">Its properties but for its place.</param>
    protected VirtioMmioType(string name, string description, params Property[] properties)
        : base(name, description)
    {
        Bus = "virtio-bus";
        Parent = "virtio-device";
        Family = "virtio-mmio";
        HasQueues = true;
        Most = VirtioMmioSlot.Count;
        IsNamedByPath = false;
        Properties = [Place, .. properties];
    }

    /// <inheritdoc/>
    public sealed override Device Create(IDeviceContext context, DeviceConfiguration configuration)
    {
        ArgumentNullException.ThrowIfNull(context);
        ArgumentNullException.ThrowIfNull(configuration);
        return new VirtioMmio(context, VirtioMmioSlot.OfBus(configuration.Get(Place)), CreateVirtio(context, configuration));
    }

    /// <inheritdoc/>
    public override string SubjectOf(DeviceConfiguration configuration)
    {
        ArgumentNullException.ThrowIfNull(configuration);
        string place = configuration.Has(Place) ? $" at {configuration.Get(Place)}" : "";
        return $"device {Name}{place}";
    }

    /// <inheritdoc/>
    public override string TitleOf(DeviceConfiguration configuration)
    {
        ArgumentNullException.ThrowIfNull(configuration);
        return configuration.Id is { } id ? $"device {id}" : SubjectOf(configuration);
    }

    /// <summary>Gives each device its place: first those that ask for one, then the others from the top.</summary>
    public override IReadOnlyList<DeviceConfiguration> Complete(IReadOnlyList<DeviceConfiguration> devices)
    {
        devices = Filled(base.Complete(devices));
        var taken = new DeviceConfiguration?[VirtioMmioSlot.Count];
        foreach (var device in devices.Where(device => device.Has(Place)))
        {
            uint place = VirtioMmioSlot.OfBus(device.Get(Place)).Number;
            taken[place] = taken[place] is { } other
                ? throw new DeviceException($"{device.Title}: {device.Get(Place)} has {other.Title} already: expected another bus, or none for one that is free")
                : device;
        }

        List<DeviceConfiguration> placed = [];
        foreach (var device in devices)
        {
            var there = device.Has(Place) ? device : device.With(Place, VirtioMmioSlot.Buses[Array.FindLastIndex(taken, other => other is null)]);
            taken[VirtioMmioSlot.OfBus(there.Get(Place)).Number] = there;
            placed.Add(there);
        }

        return placed;
    }

    /// <inheritdoc/>
    public override DeviceException TooMany(DeviceConfiguration device)
    {
        ArgumentNullException.ThrowIfNull(device);
        return new(string.Create(
            CultureInfo.InvariantCulture,
            $"-device {device.Type.Name}: the machine has places for {VirtioMmioSlot.Count} virtio devices, and all of them are taken: expected fewer devices"));
    }

    /// <summary>Adds what follows from the machine's other virtio devices, such as an address that none of them has.</summary>
    /// <param name="device">The device.</param>
    /// <param name="others">The others: those before it with what was added to them, those behind it as they were given.</param>
    /// <exception cref="DeviceException">There is nothing left to add.</exception>
    protected virtual DeviceConfiguration Fill(DeviceConfiguration device, IReadOnlyList<DeviceConfiguration> others) => device;

    /// <summary>Builds the device, which touches nothing yet.</summary>
    protected abstract VirtioDevice CreateVirtio(IDeviceContext context, DeviceConfiguration configuration);

    private static List<DeviceConfiguration> Filled(IReadOnlyList<DeviceConfiguration> devices)
    {
        List<DeviceConfiguration> filled = [.. devices];
        for (int i = 0; i < filled.Count; i++)
        {
            if (filled[i].Type is VirtioMmioType type)
            {
                filled[i] = type.Fill(filled[i], [.. filled[..i], .. filled[(i + 1)..]]);
            }
        }

        return filled;
    }
}

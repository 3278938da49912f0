// The declaration of a device that sits on a bus of another device.
//
// The operator says which bus (bus=), or it is the first that has room. The choice is made when the machine's devices are completed, in the
// order in which they were given; from then on the configuration knows its bus. The owner is built first, and its devices are given
// what it has for them (Device.BusService). In everything that walks the devices the owner comes first; at the end of their life, last.

namespace Vmm.Core.Devices.Model;

/// <summary>A kind of device on a bus of another device.</summary>
public abstract class BusDeviceType : DeviceType
{
    /// <summary>Which bus.</summary>
    public static readonly TextProperty BusName = new("bus", "the bus that it sits on; by default the first that has room") { Visibility = Visibility.Implied };

    /// <summary>Declares a device.</summary>
    /// <param name="name">The driver's name.</param>
    /// <param name="description">What it is, in one line.</param>
    /// <param name="bus">The kind of its bus.</param>
    /// <param name="properties">Its properties but for its bus.</param>
    protected BusDeviceType(string name, string description, string bus, params Property[] properties)
        : base(name, description)
    {
        Bus = bus;
        Properties = [BusName, .. properties];
    }

    /// <inheritdoc/>
    public sealed override Device Create(IDeviceContext context, DeviceConfiguration configuration)
    {
        ArgumentNullException.ThrowIfNull(context);
        ArgumentNullException.ThrowIfNull(configuration);
        var bus = configuration.Bus ?? throw new InvalidOperationException($"{Name} was not completed: it is on no bus");
        return Create(context, configuration, context.OwnerOf(bus));
    }

    /// <inheritdoc/>
    public sealed override IReadOnlyList<DeviceConfiguration> Complete(IReadOnlyList<DeviceConfiguration> devices, IReadOnlyList<DeviceBus> buses)
    {
        ArgumentNullException.ThrowIfNull(buses);
        List<DeviceConfiguration> complete = [];
        foreach (var device in Complete(devices))
        {
            var type = (BusDeviceType)device.Type;
            complete.Add(type.Place(device.On(type.BusOf(device, buses, complete)), complete));
        }

        return complete;
    }

    /// <summary>Builds a device that touches nothing yet.</summary>
    /// <param name="context">What it is given by its machine.</param>
    /// <param name="configuration">Its configuration, complete.</param>
    /// <param name="owner">The device that has its bus.</param>
    protected abstract Device Create(IDeviceContext context, DeviceConfiguration configuration, Device owner);

    /// <summary>Whether a bus has room for one more device.</summary>
    /// <param name="device">The device.</param>
    /// <param name="bus">The bus.</param>
    /// <param name="others">The devices that are placed already, on this bus and on others.</param>
    protected abstract bool HasRoom(DeviceConfiguration device, DeviceBus bus, IReadOnlyList<DeviceConfiguration> others);

    /// <summary>Adds what follows from the bus and the devices that are placed already, such as its number.</summary>
    /// <exception cref="DeviceException">It does not go with them.</exception>
    protected abstract DeviceConfiguration Place(DeviceConfiguration device, IReadOnlyList<DeviceConfiguration> others);

    private DeviceBus BusOf(DeviceConfiguration device, IReadOnlyList<DeviceBus> buses, IReadOnlyList<DeviceConfiguration> others)
    {
        if (device.ValueOf(BusName) is string name)
        {
            var named = buses.FirstOrDefault(bus => bus.Name == name) ?? throw new DeviceException($"Bus '{name}' not found{Expected(buses)}");
            return named.Kind == Bus ? named : throw new DeviceException($"Device '{Name}' can't go on {named.Kind} bus{Expected(buses)}");
        }

        DeviceBus[] fitting = [.. buses.Where(bus => bus.Kind == Bus)];
        return fitting.FirstOrDefault(bus => HasRoom(device, bus, others)) ?? fitting.FirstOrDefault()
            ?? throw new DeviceException($"No '{Bus}' bus found for device '{Name}': expected a device before it that has one, such as {Owners()}");
    }

    private string Expected(IReadOnlyList<DeviceBus> buses)
    {
        string[] names = [.. buses.Where(bus => bus.Kind == Bus).Select(bus => bus.Name)];
        return names.Length == 0 ? $": expected a '{Bus}' bus, which {Owners()} has" : $": expected one of {string.Join(", ", names)}";
    }

    private string Owners() => string.Join(" or ", DeviceTypes.All.Where(type => type.ProvidedBus == Bus).Select(type => type.Name));
}

// What virtserialport and virtconsole have in common: a number on their console, which a guest sees, and a name, by which it finds them.
//
// Port 0 is a console's, as drivers without MULTIPORT know no other. Without nr=, a port gets the lowest number that is free, a console 0 if
// it is. Numbers are given in the order of the options. Names are unique among all ports of a machine.

using System.Globalization;
using Vmm.Core.Devices.Model;

namespace Vmm.Core.Devices.Virtio.Console;

/// <summary>A kind of port.</summary>
public abstract class PortType : BusDeviceType
{
    /// <summary>Its number.</summary>
    public static readonly NumberProperty Number = new("nr", "its number, which is 0 for the first console; by default the lowest that is free");

    /// <summary>Its name.</summary>
    public static readonly TextProperty PortName = new("name", "by what name the guest finds it") { Longest = 1024, MayBeEmpty = true };

    /// <summary>Where its bytes go to and come from.</summary>
    public static readonly ChardevProperty Chardev = new("chardev", "id of the character back end");

    /// <summary>What QEMU's nr is by default.</summary>
    private const uint AnyNumber = uint.MaxValue;

    private readonly bool _isConsole;

    private protected PortType(string name, string description, bool isConsole)
        : base(name, description, ConsoleType.PortBus, Number, PortName, Chardev)
    {
        _isConsole = isConsole;
        Parent = "virtio-serial-port";
        Family = Parent;
    }

    private uint Lowest => _isConsole ? 0u : 1u;

    /// <inheritdoc/>
    public sealed override string SubjectOf(DeviceConfiguration configuration)
    {
        ArgumentNullException.ThrowIfNull(configuration);
        return configuration is { Bus.Owner: var owner } && configuration.Has(Number)
            ? string.Create(CultureInfo.InvariantCulture, $"{Name} {configuration.Get(Number)} of {owner.Type.SubjectOf(owner)}")
            : $"device {Name}";
    }

    /// <inheritdoc/>
    public sealed override string TitleOf(DeviceConfiguration configuration)
    {
        ArgumentNullException.ThrowIfNull(configuration);
        return configuration.Id is { } id ? $"device {id}" : SubjectOf(configuration);
    }

    /// <inheritdoc/>
    protected sealed override Device Create(IDeviceContext context, DeviceConfiguration configuration, Device owner)
    {
        ArgumentNullException.ThrowIfNull(context);
        ArgumentNullException.ThrowIfNull(configuration);
        ArgumentNullException.ThrowIfNull(owner);
        var console = owner.BusService as ConsoleDevice ?? throw new InvalidOperationException($"{owner.Configuration.Title} is no console");
        var backEnd = configuration.ValueOf(Chardev) is string id ? context.Chardev(id) : null;
        var observer = configuration.Id is { } port ? context.PortObserver(port) : null;
        return new Port(context, console, configuration.Get(Number), (string?)configuration.ValueOf(PortName), _isConsole, backEnd, observer);
    }

    /// <inheritdoc/>
    protected sealed override void Check(DeviceConfiguration device)
    {
        ArgumentNullException.ThrowIfNull(device);
        if (!_isConsole && device.Has(Number) && device.Get(Number) == 0)
        {
            throw new DeviceException("Port number 0 on virtio-serial devices reserved for virtconsole devices for backward compatibility.");
        }
    }

    /// <inheritdoc/>
    protected sealed override bool HasRoom(DeviceConfiguration device, DeviceBus bus, IReadOnlyList<DeviceConfiguration> others)
    {
        ArgumentNullException.ThrowIfNull(bus);
        return LowestFree(NumbersOn(bus, others)) < bus.Owner.Get(ConsoleType.MostPorts);
    }

    /// <inheritdoc/>
    protected sealed override DeviceConfiguration Place(DeviceConfiguration device, IReadOnlyList<DeviceConfiguration> others)
    {
        ArgumentNullException.ThrowIfNull(device);
        var taken = NumbersOn(device.Bus!, others);
        uint number = device.Has(Number) && device.Get(Number) != AnyNumber ? device.Get(Number) : LowestFree(taken);
        uint mostPorts = device.Bus!.Owner.Get(ConsoleType.MostPorts);
        if (taken.Contains(number))
        {
            throw new DeviceException(Text($"{ConsoleType.PortBus}: A port already exists at id {number}"));
        }

        if (device.ValueOf(PortName) is string name && others.Any(other => other.ValueOf(PortName) is string its && its == name))
        {
            throw new DeviceException($"{ConsoleType.PortBus}: A port already exists by name {name}");
        }

        return number < mostPorts
            ? device.With(Number, number)
            : throw new DeviceException(Text($"{ConsoleType.PortBus}: Out-of-range port id specified, max. allowed: {mostPorts - 1}"));
    }

    private static uint[] NumbersOn(DeviceBus bus, IReadOnlyList<DeviceConfiguration> ports) =>
        [.. ports.Where(port => port.Bus?.Name == bus.Name).Select(port => port.Get(Number))];

    private static string Text(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);

    private uint LowestFree(uint[] taken)
    {
        uint number = Lowest;
        while (taken.Contains(number))
        {
            number++;
        }

        return number;
    }
}

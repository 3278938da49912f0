// The tree of objects that QEMU's tools ask about: the machine with its devices and vCPUs, memory backends, character devices.
//
// It is made anew from the machine whenever it is requested, so it is always current and costs nothing otherwise.

using System.Globalization;
using Vmm.Core.Configuration;
using Vmm.Core.Devices.Model;
using Vmm.Core.Machines;
using Vmm.Core.Machines.Types;

namespace Vmm.Core.Objects;

/// <summary>The tree of objects. Machine loop only.</summary>
/// <param name="root">Its root.</param>
public sealed class ObjectTree(ObjectNode root)
{
    /// <summary>The root's path.</summary>
    public const string RootPath = "/";

    /// <summary>The property of a device on a bus of another device that is the bus's path.</summary>
    public const string ParentBus = "parent_bus";

    /// <summary>The root.</summary>
    public ObjectNode Root => root;

    /// <summary>The tree of a machine.</summary>
    public static ObjectTree Of(Machine machine)
    {
        ArgumentNullException.ThrowIfNull(machine);
        var configuration = machine.Configuration;
        return new ObjectTree(ObjectNode.Holding(
            "",
            [
                new ObjectNode(
                    "machine",
                    $"{configuration.MachineType}-machine",
                    MachineProperties(configuration),
                    [
                        .. new[] { PlacedDevice.Peripheral, PlacedDevice.Anonymous, PlacedDevice.Unattached }.Select(path => DevicesIn(path, machine.Devices)),
                        .. Enumerable.Range(0, configuration.Topology.Count).Select(cpu => Leaf($"cpu[{Number(cpu)}]", $"{configuration.Cpu.Name}-x86_64-cpu")),
                    ]),
                ObjectNode.Holding("objects", UserObjects.Of(machine.Objects.Configuration)),
                ObjectNode.Holding("chardevs", [.. machine.Chardevs.Configuration.Select(chardev => Leaf(chardev.Id, chardev.TypeName))]),
            ]));
    }

    /// <summary>The object at a path, and its whole path; null if there is none.</summary>
    /// <param name="path">From the root, or the end of a path that only one object has.</param>
    /// <param name="isAmbiguous">Whether several objects have such a path.</param>
    public (string Path, ObjectNode Node)? Find(string path, out bool isAmbiguous)
    {
        ArgumentNullException.ThrowIfNull(path);
        isAmbiguous = false;
        if (path.StartsWith('/'))
        {
            string wanted = path.TrimEnd('/');
            foreach (var found in All().Where(found => found.Path.TrimEnd('/') == wanted))
            {
                return found;
            }

            return null;
        }

        var matches = All().Where(found => path.Length > 0 && found.Path.EndsWith($"/{path}", StringComparison.Ordinal)).Take(2).ToList();
        isAmbiguous = matches.Count > 1;
        return matches.Count == 1 ? matches[0] : null;
    }

    /// <summary>All objects with their paths, parents first.</summary>
    public IEnumerable<(string Path, ObjectNode Node)> All() => Below(RootPath, root);

    /// <summary>The properties of a device, as its options say.</summary>
    public static IReadOnlyList<ObjectProperty> PropertiesOf(DeviceConfiguration device)
    {
        ArgumentNullException.ThrowIfNull(device);
        return [.. device.Type.Properties.Select(property => new ObjectProperty(property.Name, property.TypeName, Plain(device.ValueOf(property))))];
    }

    /// <summary>A value as one of the three kinds that a property has.</summary>
    public static object? Plain(object? value) => value switch
    {
        uint number => (ulong)number,
        _ => value,
    };

    private static IEnumerable<(string Path, ObjectNode Node)> Below(string path, ObjectNode node)
    {
        yield return (path, node);
        foreach (var child in node.Children)
        {
            foreach (var found in Below(path == RootPath ? $"/{child.Name}" : $"{path}/{child.Name}", child))
            {
                yield return found;
            }
        }
    }

    /// <summary>The properties that every device has, in QEMU's words.</summary>
    private static ObjectProperty[] CommonPropertiesOf(DeviceType type) =>
    [
        new("realized", "bool", true),
        new("hotplugged", "bool", false),
        new("hotpluggable", "bool", type.IsHotPluggable),
    ];

    private static ObjectNode DevicesIn(string container, IReadOnlyList<PlacedDevice> devices) => ObjectNode.Holding(
        container[(container.LastIndexOf('/') + 1)..],
        [
            .. devices.Where(device => device.Path.StartsWith($"{container}/", StringComparison.Ordinal)).Select(device => new ObjectNode(
                device.Path[(container.Length + 1)..],
                device.Configuration.Type.Name,
                [.. CommonPropertiesOf(device.Configuration.Type), .. PropertiesOf(device.Configuration), .. ParentBusOf(device, devices)],
                [.. DeviceBus.Of(devices.Select(other => other.Configuration)).Where(bus => ReferenceEquals(bus.Owner, device.Configuration)).Select(bus => Leaf(bus.Name, bus.Kind))])),
        ]);

    /// <summary>Where a device sits that is on a bus of another device.</summary>
    private static ObjectProperty[] ParentBusOf(PlacedDevice device, IReadOnlyList<PlacedDevice> devices) =>
        device.Configuration.Bus is { } bus
            ? [new(ParentBus, "link<bus>", $"{devices.First(owner => ReferenceEquals(owner.Configuration, bus.Owner)).Path}/{bus.Name}")]
            : [];

    private static ObjectProperty[] MachineProperties(MachineConfiguration machine) =>
    [
        .. MachineType.Find(machine.MachineType)!.Properties.Select(property => new ObjectProperty(
            property.Declaration.Name, property.Declaration.TypeName, property.Get(machine) is { } value ? ValueOf(property.Declaration, value) : "")),
        new("kernel", "string", machine.KernelPath ?? ""),
        new("initrd", "string", machine.InitrdPath ?? ""),
        new("append", "string", machine.KernelCommandLine),
    ];

    /// <summary>An enumeration's value is its word.</summary>
    private static object? ValueOf(Property property, object value) => property.TypeName == "bool" ? value : Plain(property.Format(value));

    private static ObjectNode Leaf(string name, string type) => new(name, type, [], []);

    private static string Number(int value) => value.ToString(CultureInfo.InvariantCulture);
}

// What two processes must agree on before one may hand its guest to the other.
//
// A guest notices a different CPU, a missing port, another size of RAM; it does not notice which socket a serial port's
// bytes leave through, where the kernel file was, or what the process is called. The properties are the first kind only, one
// line each, in words that a refusal can print: "memory size: 536870912 there, 268435456 here". Two configurations with
// equal properties, in any order of their options, build machines that a guest cannot distinguish.
// A chardev's kind is compared although a guest cannot see it: its open descriptor crosses and needs a back end of the same kind. So are a netdev's, the
// number of its queues, and whether its frames have headers, on which it rests what its device offers.

using System.Globalization;
using Vmm.Core.Backends.Block;
using Vmm.Core.Backends.Net;
using Vmm.Core.Devices.Model;

namespace Vmm.Core.Configuration;

/// <summary>Lists a configuration's guest-visible properties.</summary>
public static class GuestVisibleProperties
{
    private const string ChardevSubject = "chardev ";
    private const string NetdevSubject = "netdev ";

    /// <summary>The properties of a machine in a fixed order: machine, cpu, memory, memory backends by id, devices.</summary>
    /// <param name="machine">A consistent configuration.</param>
    /// <returns>The properties; no two have the same subject and property.</returns>
    public static IEnumerable<PropertyValue> Of(MachineConfiguration machine)
    {
        ArgumentNullException.ThrowIfNull(machine);
        return
        [
            .. MachineProperties(machine),
            .. CpuProperties(machine),
            .. MemoryProperties(machine),
            .. machine.MemoryBackends.OrderBy(b => b.Id, StringComparer.Ordinal).SelectMany(BackendProperties),
            .. machine.CompleteDevices.SelectMany(device => DeviceProperties(machine, device)),
            .. SpareChardevs(machine).Select(chardev => new PropertyValue(SubjectOf(chardev), "backend", chardev.Backend)),
            .. SpareNetdevs(machine).Select(netdev => new PropertyValue(SubjectOf(netdev), "type", netdev.Kind)),
        ];
    }

    /// <summary>
    /// What a guest can notice that is saved to a stream and restored from it: nothing of its back ends, which may be others, or of the file that its RAM is
    /// in.
    /// </summary>
    /// <param name="machine">A consistent configuration.</param>
    /// <returns>The properties; no two have the same subject and property.</returns>
    public static IEnumerable<PropertyValue> OfSaved(MachineConfiguration machine)
    {
        ArgumentNullException.ThrowIfNull(machine);
        return
        [
            new("machine", "type", machine.MachineType),
            new("machine", "acpi", Switch(machine.Acpi)),
            .. CpuProperties(machine),
            new("memory", "size", Number(machine.RamSize)),
            .. machine.CompleteDevices.SelectMany(OwnProperties),
        ];
    }

    /// <summary>Whether a restored guest keeps the value that it was saved with, whatever its machine is configured with: the address of a network card.</summary>
    public static bool IsKept(PropertyValue property)
    {
        ArgumentNullException.ThrowIfNull(property);
        return property.Property == "mac";
    }

    /// <summary>
    /// Whether only the old process needs to have it: a back end that nothing uses there has clients of its own, who would lose it; one that nothing
    /// uses here and that the old process does not have is opened when the guest is here.
    /// </summary>
    public static bool MayBeNew(PropertyValue property)
    {
        ArgumentNullException.ThrowIfNull(property);
        return property.Subject.StartsWith(ChardevSubject, StringComparison.Ordinal) || property.Subject.StartsWith(NetdevSubject, StringComparison.Ordinal);
    }

    /// <summary>The back ends that nothing uses, in the order of their ids.</summary>
    internal static IEnumerable<ChardevConfiguration> SpareChardevs(MachineConfiguration machine)
    {
        string[] used = [.. machine.CompleteDevices.SelectMany(device => device.Chardevs)];
        return machine.Chardevs.Where(chardev => chardev.IsSpare(used)).OrderBy(chardev => chardev.Id, StringComparer.Ordinal);
    }

    /// <summary>The network back ends that no device has, in the order of their ids.</summary>
    internal static IEnumerable<NetdevConfiguration> SpareNetdevs(MachineConfiguration machine)
    {
        string[] used = [.. machine.CompleteDevices.SelectMany(device => device.Netdevs)];
        return machine.Netdevs.Where(netdev => !used.Contains(netdev.Id)).OrderBy(netdev => netdev.Id, StringComparer.Ordinal);
    }

    internal static string SubjectOf(NetdevConfiguration netdev) => NetdevSubject + netdev.Id;

    internal static string SubjectOf(ChardevConfiguration chardev) => ChardevSubject + chardev.Id;

    private static IEnumerable<PropertyValue> MachineProperties(MachineConfiguration machine) =>
    [
        new("machine", "type", machine.MachineType),
        new("machine", "acpi", Switch(machine.Acpi)),
        new("machine", "uuid", machine.Uuid?.ToString() ?? "none"),
    ];

    private static IEnumerable<PropertyValue> CpuProperties(MachineConfiguration machine)
    {
        // The last setting of a feature counts, wherever it is.
        var features = machine.Cpu.Features
            .GroupBy(f => f.Name, StringComparer.Ordinal)
            .OrderBy(g => g.Key, StringComparer.Ordinal)
            .Select(g => $",{(g.Last().Enabled ? '+' : '-')}{g.Key}");
        return
        [
            new("cpu", "model", machine.Cpu.Name + string.Concat(features)),
            new("cpu", "count", Number(machine.Topology.Count)),
            new("cpu", "sockets", Number(machine.Topology.Sockets)),
            new("cpu", "cores", Number(machine.Topology.Cores)),
            new("cpu", "threads", Number(machine.Topology.Threads)),
        ];
    }

    private static IEnumerable<PropertyValue> MemoryProperties(MachineConfiguration machine) =>
    [
        new("memory", "size", Number(machine.RamSize)),
        new("memory", "backend", machine.MemoryBackendId ?? "none"),
        new("memory", "share", Switch(machine.IsRamShared)),
    ];

    private static IEnumerable<PropertyValue> BackendProperties(MemoryBackendConfiguration backend)
    {
        var subject = $"memory backend {backend.Id}";
        return
        [
            new(subject, "type", backend.TypeName),
            new(subject, "size", Number(backend.Size)),
            new(subject, "share", Switch(backend.Share)),
            new(subject, "hugetlb", Switch(backend.Hugetlb)),
            new(subject, "hugetlbsize", Number(backend.HugetlbSize)),
        ];
    }

    /// <summary>The back end of a device's property; null if it names none.</summary>
    internal static ChardevConfiguration? BackEndOf(MachineConfiguration machine, DeviceConfiguration device, ChardevProperty property) =>
        device.ValueOf(property) is not string id ? null
            : machine.Chardevs.FirstOrDefault(chardev => chardev.Id == id)
                ?? throw new InvalidOperationException($"{device.Title} names chardev '{id}', which is not configured");

    /// <summary>The network back end of a device's property; null if it names none.</summary>
    internal static NetdevConfiguration? NetdevOf(MachineConfiguration machine, DeviceConfiguration device, NetdevProperty property) =>
        device.ValueOf(property) is not string id ? null
            : machine.Netdevs.FirstOrDefault(netdev => netdev.Id == id)
                ?? throw new InvalidOperationException($"{device.Title} names netdev '{id}', which is not configured");

    private static IEnumerable<PropertyValue> DeviceProperties(MachineConfiguration machine, DeviceConfiguration device)
    {
        string subject = device.Type.SubjectOf(device);
        return
        [
            .. OwnProperties(device),
            .. device.Type.ComparesId ? [new PropertyValue(subject, "id", device.Id ?? "none")] : (PropertyValue[])[],
            .. device.Type.Properties.OfType<ChardevProperty>()
                .Select(property => new PropertyValue(subject, property.Name, BackEndOf(machine, device, property)?.Backend ?? "none")),
            .. device.Type.Properties.OfType<DriveProperty>()
                .SelectMany(property => DriveProperties(subject, property.Name, BlockPath.Of(machine, device.ValueOf(property) as string))),
            .. device.Type.Properties.OfType<NetdevProperty>()
                .SelectMany(property => NetdevProperties(subject, property.Name, NetdevOf(machine, device, property))),
        ];
    }

    private static IEnumerable<PropertyValue> OwnProperties(DeviceConfiguration device)
    {
        string subject = device.Type.SubjectOf(device);
        return device.Type.Properties.Where(property => property is not (ChardevProperty or DriveProperty or NetdevProperty) && property.Visibility == Visibility.Guest)
            .Where(property => !property.IsLater || device.TextOf(property) != property.DefaultText)
            .Select(property => new PropertyValue(subject, property.Name, device.TextOf(property)));
    }

    /// <summary>Of a tap that has headers where the host can, it is found out when its descriptor comes whether it has them.</summary>
    private static IEnumerable<PropertyValue> NetdevProperties(string subject, string property, NetdevConfiguration? netdev) =>
    [
        new(subject, property, netdev?.Kind ?? "none"),
        new(subject, $"{property} queues", Number((netdev as TapNetdevConfiguration)?.Queues ?? 1)),
        new(subject, $"{property} vnet_hdr", Switch(netdev is TapNetdevConfiguration { VnetHeader: not false })),
    ];

    /// <summary>A disk's open file needs nodes that show the same part of it, under the same name.</summary>
    private static IEnumerable<PropertyValue> DriveProperties(string subject, string property, IReadOnlyList<BlockNodeConfiguration> nodes) =>
    [
        new(subject, property, string.Join(" over ", nodes.Where(node => node is not ThrottleNodeConfiguration).Select(BlockPath.Describe))),
        new(subject, "read-only", Switch(nodes.Any(node => node.ReadOnly))),
    ];

    private static string Switch(bool value) => value ? "on" : "off";

    private static string Number<T>(T value)
        where T : IFormattable => value.ToString(null, CultureInfo.InvariantCulture);
}

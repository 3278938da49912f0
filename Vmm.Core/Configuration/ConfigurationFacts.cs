// What two processes must agree on before one may hand its guest to the other.
//
// A guest notices a different CPU, a missing port, another size of RAM; it does not notice which socket a serial port's
// bytes leave through, where the kernel file lay, or what the process is called. The facts are the first kind only, one
// line each, in words that a refusal can print: "memory size: 536870912 there, 268435456 here". Two configurations with
// equal facts, in any order of their options, build machines that a guest cannot tell apart.
// A chardev's kind is a fact although a guest cannot see it: its open descriptor crosses and must find its like.

using System.Globalization;
using Vmm.Core.Devices.Model;

namespace Vmm.Core.Configuration;

/// <summary>Lists a configuration's guest-visible facts.</summary>
public static class ConfigurationFacts
{
    /// <summary>The facts of a machine in a fixed order: machine, cpu, memory, memory backends by id, devices.</summary>
    /// <param name="machine">A consistent configuration.</param>
    /// <returns>The facts; no two have the same subject and property.</returns>
    public static IEnumerable<ConfigurationFact> Of(MachineConfiguration machine)
    {
        ArgumentNullException.ThrowIfNull(machine);
        return
        [
            .. MachineFacts(machine),
            .. CpuFacts(machine),
            .. MemoryFacts(machine),
            .. machine.MemoryBackends.OrderBy(b => b.Id, StringComparer.Ordinal).SelectMany(BackendFacts),
            .. machine.CompleteDevices.SelectMany(device => DeviceFacts(machine, device)),
        ];
    }

    private static IEnumerable<ConfigurationFact> MachineFacts(MachineConfiguration machine) =>
    [
        new("machine", "type", machine.MachineType),
        new("machine", "acpi", Switch(machine.Acpi)),
        new("machine", "uuid", machine.Uuid?.ToString() ?? "none"),
    ];

    private static IEnumerable<ConfigurationFact> CpuFacts(MachineConfiguration machine)
    {
        // The last word on a feature counts, wherever it stands.
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

    private static IEnumerable<ConfigurationFact> MemoryFacts(MachineConfiguration machine) =>
    [
        new("memory", "size", Number(machine.RamSize)),
        new("memory", "backend", machine.MemoryBackendId ?? "none"),
        new("memory", "share", Switch(machine.IsRamShared)),
    ];

    private static IEnumerable<ConfigurationFact> BackendFacts(MemoryBackendConfiguration backend)
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

    private static IEnumerable<ConfigurationFact> DeviceFacts(MachineConfiguration machine, DeviceConfiguration device)
    {
        string subject = device.Type.SubjectOf(device);
        return
        [
            .. device.Type.Properties.Where(property => property is not ChardevProperty && property.Visibility == Visibility.Guest)
                .Select(property => new ConfigurationFact(subject, property.Name, device.TextOf(property))),
            .. device.Type.ComparesId ? [new ConfigurationFact(subject, "id", device.Id ?? "none")] : (ConfigurationFact[])[],
            .. device.Type.Properties.OfType<ChardevProperty>()
                .Select(property => new ConfigurationFact(subject, property.Name, BackEndOf(machine, device, property)?.Backend ?? "none")),
        ];
    }

    private static string Switch(bool value) => value ? "on" : "off";

    private static string Number<T>(T value)
        where T : IFormattable => value.ToString(null, CultureInfo.InvariantCulture);
}

// What two processes must agree on before one may hand its guest to the other.
//
// A guest notices a different CPU, a missing port, another size of RAM; it does not notice which socket a serial port's
// bytes leave through, where the kernel file lay, or what the process is called. The facts are the first kind only, one
// line each, in words that a refusal can print: "memory size: 536870912 there, 268435456 here". Two configurations with
// equal facts, in any order of their options, build machines that a guest cannot tell apart.
// A chardev's kind is a fact although a guest cannot see it: its open descriptor crosses and must find its like.

using System.Globalization;

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
            .. machine.Serials.OrderBy(s => s.Index).SelectMany(s => SerialFacts(machine, s)),
            .. DebugConsoleFacts(machine),
            .. DebugExitFacts(machine),
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

    private static IEnumerable<ConfigurationFact> SerialFacts(MachineConfiguration machine, SerialConfiguration serial)
    {
        var subject = $"device serial{Number(serial.Index)}";
        return
        [
            new(subject, "iobase", Port(serial.IoBase)),
            new(subject, "irq", Number(serial.Irq)),
            new(subject, "id", serial.Id ?? "none"),
            ChardevFact(machine, subject, serial.ChardevId),
        ];
    }

    private static IEnumerable<ConfigurationFact> DebugConsoleFacts(MachineConfiguration machine) =>
        machine.DebugConsole is not { } console
            ? []
            :
            [
                new("device isa-debugcon", "iobase", Port(console.IoBase)),
                ChardevFact(machine, "device isa-debugcon", console.ChardevId),
            ];

    private static IEnumerable<ConfigurationFact> DebugExitFacts(MachineConfiguration machine) =>
        machine.DebugExit is not { } exit
            ? []
            :
            [
                new("device isa-debug-exit", "iobase", Port(exit.IoBase)),
                new("device isa-debug-exit", "iosize", Number(exit.IoSize)),
            ];

    private static ConfigurationFact ChardevFact(MachineConfiguration machine, string subject, string chardevId) =>
        new(subject, "chardev", machine.Chardevs.FirstOrDefault(c => c.Id == chardevId)?.Backend
            ?? throw new InvalidOperationException($"{subject} names chardev '{chardevId}', which is not configured"));

    private static string Switch(bool value) => value ? "on" : "off";

    private static string Number<T>(T value)
        where T : IFormattable => value.ToString(null, CultureInfo.InvariantCulture);

    private static string Port(ushort value) => $"0x{value.ToString("x", CultureInfo.InvariantCulture)}";
}

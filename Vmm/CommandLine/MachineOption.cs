using Vmm.Core.Configuration;
using Vmm.Core.Machines.Types;

namespace Vmm.CommandLine;

/// <summary>-machine: the type and the properties of the machine. Repeated ones add up, the last word on each property counts.</summary>
internal static class MachineOption
{
    /// <summary>
    /// Properties that this machine has in one setting only. Management tools state them although they are what would be
    /// anyway; another setting is refused, because the guest would not get what was asked for.
    /// </summary>
    private static readonly (string Property, bool Only)[] Fixed =
    [
        ("usb", false), ("graphics", false), ("pcie", false), ("x-option-roms", false),
        ("mem-merge", false), ("smm", false), ("vmport", false),
        ("rtc", true), ("pic", true), ("pit", true), ("kernel-irqchip", true),
    ];

    /// <summary>Applies [type=]TYPE[,property=value…] to a machine.</summary>
    internal static MachineConfiguration Apply(OptionList options, MachineConfiguration machine)
    {
        string type = options.Take("type") ?? machine.MachineType;
        if (MachineType.Find(type) is null)
        {
            throw new CommandLineException($"unsupported machine type '{type}': expected {MachineType.Names}");
        }

        if (options.Take("accel") is { } accelerators)
        {
            AccelOption.Check(accelerators.Split(':'));
        }

        var applied = machine with
        {
            MachineType = type,
            MemoryBackendId = options.TakeId("memory-backend") ?? machine.MemoryBackendId,
            AnonAllocMemfd = TakeAnonAlloc(options) ?? machine.AnonAllocMemfd,
            AuxRamShare = options.TakeSwitch("aux-ram-share") ?? machine.AuxRamShare,
            Acpi = TakeAcpi(options) ?? machine.Acpi,
            DumpGuestCore = options.TakeSwitch("dump-guest-core") ?? machine.DumpGuestCore,
        };
        foreach (var (property, only) in Fixed)
        {
            if ((options.TakeSwitch(property) ?? only) != only)
            {
                var (wanted, present) = only ? ("off", "on") : ("on", "off");
                throw new CommandLineException($"{property}={wanted} is not supported: this machine has {property}={present}");
            }
        }

        options.Finish();
        return applied;
    }

    private static bool? TakeAnonAlloc(OptionList options) => options.Take("anon-alloc") switch
    {
        null => null,
        "memfd" => true,
        "mmap" => false,
        var other => throw new CommandLineException($"Parameter 'anon-alloc' expects 'memfd' or 'mmap', not '{other}'"),
    };

    private static bool? TakeAcpi(OptionList options) => options.Take("acpi") switch
    {
        null => null,
        "on" or "auto" => true,
        "off" => false,
        var other => throw new CommandLineException($"Parameter 'acpi' expects 'on', 'off' or 'auto', not '{other}'"),
    };
}

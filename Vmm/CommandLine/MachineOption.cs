using Vmm.Core.Configuration;
using Vmm.Core.Devices.Model;
using Vmm.Core.Machines.Types;

namespace Vmm.CommandLine;

/// <summary>-machine: the type and the properties of the machine. Repeated ones add up, the last word on each property counts.</summary>
internal static class MachineOption
{
    /// <summary>Applies [type=]TYPE[,property=value…] to a machine.</summary>
    internal static MachineConfiguration Apply(OptionList options, MachineConfiguration machine)
    {
        string name = options.Take("type") ?? machine.MachineType;
        var type = MachineType.Find(name) ?? throw new CommandLineException($"unsupported machine type '{name}': expected {MachineType.Names}");
        if (options.Take("accel") is { } accelerators)
        {
            AccelOption.Check(accelerators.Split(':'));
        }

        machine = machine with { MachineType = name };
        try
        {
            foreach (var property in type.Properties)
            {
                if (options.TakeProperty(property.Declaration) is { } text)
                {
                    machine = property.Set(machine, property.Declaration.Parse(text));
                }
            }
        }
        catch (DeviceException refusal)
        {
            throw new CommandLineException(refusal.Message);
        }

        options.Finish();
        return machine;
    }
}

// What an option prints when its argument is "help": what it may be given. "-device DRIVER,help" lists the properties of a driver.
// The lists are made of declarations (DeviceTypes, MachineType, KVM's features), so they are always complete.

using System.Globalization;
using System.Text;
using Vmm.Core.Backends.Block;
using Vmm.Core.Configuration;
using Vmm.Core.Configuration.Netdevs;
using Vmm.Core.Devices.Model;
using Vmm.Core.Machines.Types;
using Vmm.Kvm;

namespace Vmm.CommandLine;

/// <summary>The help of single options, in QEMU's form.</summary>
internal static class OptionHelp
{
    private const string Help = "help";

    /// <summary>The help that an option's argument asks for; null if it asks for none.</summary>
    /// <param name="option">The option's name without dashes.</param>
    /// <param name="argument">Its argument.</param>
    internal static string? Of(string option, string argument) => (option, argument) switch
    {
        ("device", Help or "?") => Drivers(),
        ("device", _) when !argument.StartsWith('{') => Properties(argument),
        ("machine" or "M", Help or "?") => List(
            "Supported machines are:", MachineType.All.Select(type => string.Create(CultureInfo.InvariantCulture, $"{type.Name,-20} {type.Description}"))),
        ("machine" or "M", _) => MachineProperties(argument),
        ("accel", Help or "?") => List("Accelerators supported:", [AccelOption.Only]),
        ("object", Help or "?") => List("List of user creatable objects:", ObjectOption.Types.Select(type => $"  {type}")),
        ("blockdev", Help or "?") => List("Supported block drivers:", BlockNodeConfiguration.Drivers.Select(driver => $"  {driver}")),
        ("chardev", Help or "?") => List("Available chardev backend types:", ChardevConfiguration.Backends.Order(StringComparer.Ordinal).Select(name => $"  {name}")),
        ("netdev" or "nic", Help or "?" or "type=help" or "type=?") => List("Available netdev backend types:", NetdevOptions.Kinds),
        ("nic", _) when argument.Split(',').Any(element => element is "model=help" or "model=?") =>
            List("Available NIC models for this configuration:", NetworkOptions.Models),
        ("cpu", Help or "?") => List("Available CPUs:", CpuOption.Models.Select(model => $"  {model}"))
            + "\n" + List("Recognized CPUID flags:", Wrapped(KvmHypervisor.CpuFeatures)),
        _ => null,
    };

    private static string Drivers() => List(
        "Devices:",
        DeviceTypes.All.Where(type => type.IsUserCreatable)
            .Select(type => $"name \"{type.Name}\"{(type.Bus is { } bus ? $", bus {bus}" : "")}, desc \"{type.Description}\""));

    private static string? Properties(string argument)
    {
        string[] elements = argument.Split(',');
        if (!elements.Skip(1).Any(element => element is Help or "?"))
        {
            return null;
        }

        string driver = elements[0].StartsWith("driver=", StringComparison.Ordinal) ? elements[0]["driver=".Length..] : elements[0];
        return DeviceTypes.Find(driver) is not { } type ? null
            : type.Properties.Count == 0 ? $"There are no options for {driver}.\n"
            : List($"{driver} options:", type.Properties.Select(Line));
    }

    private static string? MachineProperties(string argument)
    {
        string[] elements = argument.Split(',');
        string name = elements[0].StartsWith("type=", StringComparison.Ordinal) ? elements[0]["type=".Length..] : elements[0];
        return elements.Skip(1).Any(element => element is Help or "?") && MachineType.Find(name) is { } type
            ? List($"{name}-machine options:", type.Properties.Select(property => Line(property.Declaration)))
            : null;
    }

    private static string Line(Property property)
    {
        string form = $"{property.Name}=<{property.TypeName}>";
        string end = property.DefaultText is { } text ? $" (default: {text})" : property.IsRequired ? " (required)" : "";
        return string.Create(CultureInfo.InvariantCulture, $"  {form,-22} - {property.Help}{end}");
    }

    private static IEnumerable<string> Wrapped(IEnumerable<string> words)
    {
        const int Width = 78;
        var line = new StringBuilder(" ");
        foreach (string word in words)
        {
            if (line.Length + word.Length >= Width)
            {
                yield return line.ToString();
                line.Clear().Append(' ');
            }

            line.Append(' ').Append(word);
        }

        yield return line.ToString();
    }

    private static string List(string title, IEnumerable<string> lines) => string.Concat(lines.Prepend(title).Select(line => $"{line}\n"));
}

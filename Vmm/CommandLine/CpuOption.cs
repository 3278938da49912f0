using Vmm.Core.Configuration;
using Vmm.Kvm;

namespace Vmm.CommandLine;

/// <summary>-cpu: MODEL[,+feature][,-feature][,feature=on|off].</summary>
internal static class CpuOption
{
    internal static readonly string[] Models = ["host", "max", "qemu64"];

    /// <summary>Reads the model; whether this host can give a feature is for KVM to say.</summary>
    internal static CpuModel Read(string argument)
    {
        var elements = OptionGrammar.Split(argument);
        return Models.Contains(elements[0])
            ? new CpuModel(elements[0], [.. elements.Skip(1).Select(ReadFeature).OfType<CpuFeature>()])
            : throw new CommandLineException($"unable to find CPU model '{elements[0]}': expected one of {string.Join(", ", Models)}");
    }

    private static CpuFeature? ReadFeature(string element)
    {
        if (element.StartsWith('+') || element.StartsWith('-'))
        {
            return Feature(FeatureName(element[1..]), element[0] == '+');
        }

        var equals = element.IndexOf('=', StringComparison.Ordinal);
        var name = FeatureName(equals < 0 ? element : element[..equals]);
        var enabled = (equals < 0 ? "on" : element[(equals + 1)..]) switch
        {
            "on" or "yes" or "true" => true,
            "off" or "no" or "false" => false,
            var other => throw new CommandLineException($"CPU feature '{name}' expects 'on' or 'off', not '{other}'"),
        };

        // No feature: it says which features a model may have. libvirt gives the default.
        return name != "migratable" ? Feature(name, enabled)
            : enabled ? null
            : throw new CommandLineException("migratable=off is not supported");
    }

    private static CpuFeature Feature(string name, bool enabled) => KvmHypervisor.IsCpuFeature(name)
        ? new CpuFeature(name, enabled)
        : throw new CommandLineException($"CPU feature '{name}' is not known");

    private static string FeatureName(string text)
    {
        var name = text.Replace('_', '-');
        return name.Length > 0 && name.All(c => char.IsAsciiLetterLower(c) || char.IsAsciiDigit(c) || c is '-' or '.')
            ? name
            : throw new CommandLineException($"'{text}' is no CPU feature's name (lower-case letters, digits, '-', '.')");
    }
}

using Vmm.Core.Configuration;
using Vmm.Core.Text;

namespace Vmm.CommandLine;

/// <summary>-m: [size=]SIZE, in MiB without a suffix.</summary>
internal static class MemoryOption
{
    private static readonly string[] HotplugKeys = ["slots", "maxmem"];

    /// <summary>Reads the size in bytes, rounded up as QEMU does.</summary>
    internal static ulong Read(OptionList options)
    {
        if (HotplugKeys.FirstOrDefault(key => options.Take(key) is not null) is { } hotplug)
        {
            throw new CommandLineException($"'{hotplug}' is not supported: memory cannot be added later");
        }

        var size = options.TakeSize("size", ByteSize.Mebibyte) ?? throw new CommandLineException("Parameter 'size' is missing");
        options.Finish();
        return size switch
        {
            0 => throw new CommandLineException("Parameter 'size' expects more than 0"),
            > long.MaxValue => throw new CommandLineException("ram size too large"),
            _ => (size + MachineConfiguration.RamSizeGranularity - 1) & ~(MachineConfiguration.RamSizeGranularity - 1),
        };
    }
}

using Vmm.Core.Configuration;

namespace Vmm.CommandLine;

/// <summary>-object rng-builtin and rng-random.</summary>
internal static class RngOption
{
    /// <summary>The types of sources.</summary>
    internal static IEnumerable<string> Types { get; } = [BuiltinRngConfiguration.Name, FileRngConfiguration.Name];

    /// <summary>Reads [filename=PATH].</summary>
    internal static RngConfiguration Read(string type, string id, OptionList options)
    {
        RngConfiguration rng = type == BuiltinRngConfiguration.Name ? new BuiltinRngConfiguration(id) : File(new FileRngConfiguration(id), options);
        options.Finish();
        return rng;
    }

    private static FileRngConfiguration File(FileRngConfiguration rng, OptionList options) =>
        options.TakeText("filename") is { } filename ? rng with { Filename = filename } : rng;
}

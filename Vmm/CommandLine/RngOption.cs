using Vmm.Core.Configuration;

namespace Vmm.CommandLine;

/// <summary>-object rng-builtin and rng-random.</summary>
internal static class RngOption
{
    /// <summary>Reads [filename=PATH].</summary>
    internal static RngConfiguration Read(string type, string id, OptionList options)
    {
        var rng = RngConfiguration.Types[type](id);
        if (rng is FileRngConfiguration file)
        {
            rng = File(file, options);
        }

        options.Finish();
        return rng;
    }

    private static FileRngConfiguration File(FileRngConfiguration rng, OptionList options) =>
        options.TakeText("filename") is { } filename ? rng with { Filename = filename } : rng;
}

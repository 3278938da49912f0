using Vmm.Core.Configuration;
using Vmm.Core.Machines;

namespace Vmm.CommandLine;

/// <summary>-object secret: something that only its user may know, from a file or, where others cannot read the command line, from there.</summary>
internal static class SecretOption
{
    /// <summary>Reads data=TEXT or file=PATH, and [format=raw|base64].</summary>
    internal static SecretConfiguration Read(string id, OptionList options)
    {
        foreach (string key in new[] { "keyid", "iv" })
        {
            if (options.Take(key) is not null)
            {
                throw new CommandLineException($"{key}= is not supported: expected a secret that is not encrypted, best in a file= that only its user can read");
            }
        }

        var (data, file) = (options.Take("data"), options.TakeText("file"));
        bool isBase64 = options.TakeWord("format", ("raw", false), ("base64", true)) ?? false;
        options.Finish();
        try
        {
            return new SecretConfiguration(id, SecretContent.Read(data, file, isBase64)) { Filename = file };
        }
        catch (ObjectException refusal)
        {
            throw new CommandLineException(refusal.Message);
        }
    }
}

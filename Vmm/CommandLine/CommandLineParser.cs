// The command line as QEMU spells it: options with one dash or two, most with one argument, in any order. A reader of the
// result needs to know nothing of that: it is a record that is complete and consistent, or there is none and one sentence
// says which option is wrong, what it was given and what was expected.

namespace Vmm.CommandLine;

/// <summary>Reads the program's arguments.</summary>
internal static class CommandLineParser
{
    /// <summary>Reads the arguments.</summary>
    /// <param name="args">The arguments without the program's name.</param>
    /// <returns>The configuration. With -h, -version or "help" for an argument it says only that, whatever follows.</returns>
    /// <exception cref="CommandLineException">The arguments are wrong.</exception>
    internal static ProgramConfiguration Parse(IReadOnlyList<string> args)
    {
        var draft = new ConfigurationDraft();
        for (var i = 0; i < args.Count; i++)
        {
            var option = Find(args[i]);
            if (option.Action != ProgramAction.Run)
            {
                return new ProgramConfiguration { Action = option.Action };
            }

            if (option.Argument is not null && ++i == args.Count)
            {
                throw new CommandLineException($"-{option.Name}: requires an argument: expected {option.Argument.ReplaceLineEndings(" or ")}");
            }

            string argument = option.Argument is null ? "" : args[i];
            if (OptionHelp.Of(option.Name, argument) is { } help)
            {
                return new ProgramConfiguration { Action = ProgramAction.ShowText, Text = help };
            }

            Apply(option, argument, draft);
        }

        return draft.Build();
    }

    private static OptionDefinition Find(string arg)
    {
        if (!arg.StartsWith('-') || arg == "-")
        {
            throw new CommandLineException($"'{arg}': expected an option, which begins with '-'; -h lists them");
        }

        return OptionTable.Find(arg[(arg.StartsWith("--", StringComparison.Ordinal) ? 2 : 1)..])
            ?? throw new CommandLineException($"{arg}: invalid option");
    }

    private static void Apply(OptionDefinition option, string argument, ConfigurationDraft draft)
    {
        try
        {
            option.Apply(draft, argument);
        }
        catch (CommandLineException e)
        {
            throw new CommandLineException($"-{option.Name} {argument}: {e.Message}");
        }
    }
}

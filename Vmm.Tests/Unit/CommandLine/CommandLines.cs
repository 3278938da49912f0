using System.Text.RegularExpressions;
using Vmm.CommandLine;
using Vmm.Core.Configuration;

namespace Vmm.Tests.Unit.CommandLine;

/// <summary>Command lines written as one text: words are parted by spaces, or stand in single quotes.</summary>
internal static partial class CommandLines
{
    internal static string[] Words(string text) => [.. Word().Matches(text).Select(m => m.Groups[1].Success ? m.Groups[1].Value : m.Value)];

    internal static ProgramConfiguration Parse(string text) => CommandLineParser.Parse(Words(text));

    /// <summary>A machine that boots, with these options beside.</summary>
    internal static MachineConfiguration Machine(string options) => Parse("-kernel vmlinuz " + options).Machine;

    /// <summary>What a wrong command line is answered with.</summary>
    internal static string Refusal(string text) => Assert.Throws<CommandLineException>(() => Parse(text))!.Message;

    [GeneratedRegex("'([^']*)'|[^ ]+")]
    private static partial Regex Word();
}

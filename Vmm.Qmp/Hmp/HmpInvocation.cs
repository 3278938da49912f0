using System.Text;
using Vmm.Qmp.Schema;

namespace Vmm.Qmp.Hmp;

/// <summary>One run of a command: what was given, the session that sent it, and where the text goes.</summary>
/// <param name="context">The session that sent it.</param>
/// <param name="interactive">Whether a user sits at a prompt, which a command may keep waiting.</param>
internal sealed class HmpInvocation(CommandContext context, bool interactive)
{
    private readonly Dictionary<string, string> _given = [];
    private readonly StringBuilder _output = new();

    internal CommandContext Context => context;

    internal bool IsInteractive => interactive;

    /// <summary>All text so far; lines end with CR LF.</summary>
    internal string Output => _output.ToString();

    /// <summary>What was given for a parameter, or null.</summary>
    internal string? this[string parameter] => _given.GetValueOrDefault(parameter);

    internal bool Has(char flag) => _given.ContainsKey(flag.ToString());

    internal void Set(string parameter, string value) => _given[parameter] = value;

    /// <summary>Answers that the line was not as the command expects it.</summary>
    /// <param name="path">The command, with "info" before a topic.</param>
    /// <param name="problem">What is wrong.</param>
    internal void Misused(string path, string problem)
    {
        Line(problem);
        Line($"Try \"help {path}\" for more information");
    }

    internal void Line(string text = "") => _output.Append(text).Append("\r\n");
}

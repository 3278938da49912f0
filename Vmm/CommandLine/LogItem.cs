namespace Vmm.CommandLine;

/// <summary>The parts of the program whose detailed log -d switches on; all but "all" are the last word of a project's name (Vmm.Kvm).</summary>
internal static class LogItem
{
    /// <summary>All names, in the order in which the help shows them.</summary>
    internal static IReadOnlyList<string> Known { get; } = ["all", "core", "kvm", "migration", "qmp"];

    /// <summary>Reads ITEM[,ITEM…].</summary>
    internal static IReadOnlyList<string> ReadList(string argument)
    {
        var items = argument.Split(',').Distinct(StringComparer.Ordinal).ToList();
        return items.Find(item => !Known.Contains(item)) is { } unknown
            ? throw new CommandLineException($"unknown log item '{unknown}': expected some of {string.Join(", ", Known)}, with commas between")
            : items;
    }
}

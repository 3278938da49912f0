namespace Vmm.CommandLine;

/// <summary>An option: how it is spelled, what it means, what it does to the draft.</summary>
/// <param name="Name">Its name without dashes.</param>
/// <param name="Argument">The shape of its argument for the help; null when it takes none.</param>
/// <param name="Help">What it means, in one line.</param>
/// <param name="Apply">Reads the argument (empty when it takes none) into the draft.</param>
internal sealed record OptionDefinition(string Name, string? Argument, string Help, Action<ConfigurationDraft, string> Apply)
{
    /// <summary>What is done instead of running a machine, at once, whatever follows.</summary>
    internal ProgramAction Action { get; init; }
}

namespace Vmm.Qmp.Hmp;

/// <summary>A command of the human monitor.</summary>
/// <param name="Name">Its name; behind <c>info</c>, the name of the topic.</param>
/// <param name="Help">What it does, in a few words.</param>
/// <param name="Run">Does it, on the machine loop.</param>
internal sealed record HmpCommand(string Name, string Help, Func<HmpInvocation, ValueTask> Run)
{
    /// <summary>A shorter name, or null.</summary>
    internal string? Alias { get; init; }

    /// <summary>Whether nothing comes after it, so that there is no further prompt.</summary>
    internal bool IsLast { get; init; }

    /// <summary>What may follow the name.</summary>
    internal IReadOnlyList<HmpParameter> Parameters { get; init; } = [];

    /// <summary>Both names, as texts about the command show them.</summary>
    internal string Names => Alias is null ? Name : $"{Name}|{Alias}";

    /// <summary>The name with its parameters.</summary>
    internal string Usage => $"{Names} {string.Join(' ', Parameters.Select(parameter => parameter.Usage))}";
}

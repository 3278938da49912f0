namespace Vmm.Qmp.Hmp;

/// <summary>What may follow a command's name.</summary>
/// <param name="Name">Its name; for a flag, the letter.</param>
/// <param name="Kind">What it looks like.</param>
internal sealed record HmpParameter(string Name, HmpParameterKind Kind)
{
    /// <summary>Whether it is all that is left of the line, quotes and blanks included, instead of a word; null where it never is.</summary>
    internal Func<HmpInvocation, bool>? IsRestOfLine { get; init; }

    /// <summary>How help shows it.</summary>
    internal string Usage => Kind switch
    {
        HmpParameterKind.Flag => $"[-{Name}]",
        HmpParameterKind.OptionalText => $"[{Name}]",
        _ => Name,
    };

    internal static HmpParameter Flag(char letter) => new(letter.ToString(), HmpParameterKind.Flag);

    internal static HmpParameter Text(string name) => new(name, HmpParameterKind.Text);

    internal static HmpParameter Optional(string name) => new(name, HmpParameterKind.OptionalText);

    internal static HmpParameter OnOff(string name) => new(name, HmpParameterKind.OnOff);
}

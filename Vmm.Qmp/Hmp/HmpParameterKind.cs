namespace Vmm.Qmp.Hmp;

/// <summary>The kinds of parameter.</summary>
internal enum HmpParameterKind
{
    /// <summary>A letter behind a dash, or nothing.</summary>
    Flag,

    /// <summary>A word, or text in double quotes.</summary>
    Text,

    /// <summary>The same, or nothing.</summary>
    OptionalText,

    /// <summary>on or off.</summary>
    OnOff,
}

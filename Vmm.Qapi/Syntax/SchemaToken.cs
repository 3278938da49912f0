namespace Vmm.Qapi.Syntax;

internal enum SchemaTokenKind
{
    Punctuation,
    String,
    True,
    False,
    Doc,
    End,
}

/// <summary>A word of the schema: for strings the unquoted text, for documentation the lines between the <c>##</c>.</summary>
internal sealed record SchemaToken(SchemaTokenKind Kind, SchemaLocation Location, string Text)
{
    internal bool Is(char punctuation) => Kind == SchemaTokenKind.Punctuation && Text[0] == punctuation;

    internal string Described => Kind switch
    {
        SchemaTokenKind.End => "end of file",
        SchemaTokenKind.Doc => "documentation",
        SchemaTokenKind.String => $"string '{Text}'",
        _ => $"'{Text}'",
    };
}

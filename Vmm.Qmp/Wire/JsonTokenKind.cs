namespace Vmm.Qmp.Wire;

/// <summary>What <see cref="JsonLexer"/> found.</summary>
internal enum JsonTokenKind
{
    /// <summary>The input ended before the token did.</summary>
    None,

    /// <summary>The next byte cannot continue any token; it was not consumed.</summary>
    Stray,
    BeginObject,
    EndObject,
    BeginArray,
    EndArray,
    Colon,
    Comma,

    /// <summary>A string with its quotes, escapes not yet looked at.</summary>
    String,
    Number,

    /// <summary>Lower-case letters: true, false, null, or an error.</summary>
    Keyword,
}

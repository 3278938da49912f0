namespace Vmm.Qapi.Syntax;

/// <summary>The documentation of one definition, or free text when there is no symbol.</summary>
/// <param name="Location">Where the block starts.</param>
/// <param name="Symbol">The definition it belongs to.</param>
/// <param name="Summary">What it is.</param>
/// <param name="Members">Members, arguments or enumeration values by name, each with its text.</param>
/// <param name="Features">Features by name.</param>
/// <param name="Sections"><c>Returns</c>, <c>Errors</c>, <c>Since</c> ... with their text.</param>
public sealed record SchemaDoc(
    SchemaLocation Location,
    string? Symbol,
    string Summary,
    IReadOnlyList<SchemaDocEntry> Members,
    IReadOnlyList<SchemaDocEntry> Features,
    IReadOnlyList<SchemaDocEntry> Sections)
{
    /// <summary>The text of a member, or null.</summary>
    public string? Member(string name) => Members.FirstOrDefault(m => m.Name == name)?.Text;

    /// <summary>The text of a section, or null.</summary>
    public string? Section(string name) => Sections.FirstOrDefault(m => m.Name == name)?.Text;
}

/// <summary>One documented name.</summary>
public sealed record SchemaDocEntry(SchemaLocation Location, string Name, string Text);

namespace Vmm.Qapi.Syntax;

/// <summary>A value of the schema language: JSON with single quotes, where everything knows its place.</summary>
public abstract record SchemaValue(SchemaLocation Location);

/// <summary>A string.</summary>
public sealed record SchemaString(SchemaLocation Location, string Text) : SchemaValue(Location);

/// <summary><c>true</c> or <c>false</c>.</summary>
public sealed record SchemaBool(SchemaLocation Location, bool Value) : SchemaValue(Location);

/// <summary>A list.</summary>
public sealed record SchemaList(SchemaLocation Location, IReadOnlyList<SchemaValue> Items) : SchemaValue(Location);

/// <summary>An object; its members keep the order of the text, their names are unique.</summary>
public sealed record SchemaObject(SchemaLocation Location, IReadOnlyList<SchemaMember> Members) : SchemaValue(Location)
{
    /// <summary>The value of a member, or null.</summary>
    public SchemaValue? this[string name] => Members.FirstOrDefault(m => m.Name == name)?.Value;
}

/// <summary>A member of an object; the location is that of its name.</summary>
public sealed record SchemaMember(SchemaLocation Location, string Name, SchemaValue Value);

// The checked schema: what the emitters see. Every reference is resolved, every 'if' decided.
//
// The wire knows few types (string, int, number, boolean, null, value, object, array); JsonType says which one
// a schema type is there. An object type is a struct (members, maybe a base whose members come first) or a
// flat union: then one of its members, the discriminator, is an enum whose value selects a branch, and the
// branch's members stand in the same JSON object.

using Vmm.Qapi.Syntax;

namespace Vmm.Qapi.Model;

/// <summary>A type of the schema.</summary>
internal abstract class QapiType(string name, string jsonType)
{
    internal string Name { get; } = name;

    /// <summary>string, int, number, boolean, null, value, object or array; an alternate has several: empty.</summary>
    internal string JsonType { get; } = jsonType;
}

/// <summary>A type of the language itself.</summary>
internal sealed class BuiltinType(string name, string jsonType, string csharp, string reader) : QapiType(name, jsonType)
{
    internal string CSharp { get; } = csharp;

    /// <summary>The method of the run-time reader that reads it.</summary>
    internal string Reader { get; } = reader;

    internal static readonly IReadOnlyList<BuiltinType> All =
    [
        new("str", "string", "string", "ReadString"),
        new("number", "number", "double", "ReadDouble"),
        new("int", "int", "long", "ReadInt64"),
        new("int8", "int", "sbyte", "ReadInt8"),
        new("int16", "int", "short", "ReadInt16"),
        new("int32", "int", "int", "ReadInt32"),
        new("int64", "int", "long", "ReadInt64"),
        new("uint8", "int", "byte", "ReadUInt8"),
        new("uint16", "int", "ushort", "ReadUInt16"),
        new("uint32", "int", "uint", "ReadUInt32"),
        new("uint64", "int", "ulong", "ReadUInt64"),
        new("size", "int", "ulong", "ReadUInt64"),
        new("bool", "boolean", "bool", "ReadBool"),
        new("null", "null", "QNull", "ReadNull"),
        new("any", "value", "System.Text.Json.JsonElement", "ReadAny"),
    ];
}

/// <summary>A list of one element type.</summary>
internal sealed class ArrayType(QapiType element) : QapiType($"[{element.Name}]", "array")
{
    internal QapiType Element { get; } = element;
}

/// <summary>A type that the schema defines.</summary>
internal abstract class DefinedType(RawDefinition raw, string name, string jsonType) : QapiType(name, jsonType)
{
    internal RawDefinition Raw { get; } = raw;

    internal string Module => Raw.Module;

    internal SchemaDoc? Doc => Raw.Doc;

    internal IReadOnlyList<QapiFeature> Features { get; set; } = [];
}

/// <summary>A feature flag, as clients see it by introspection.</summary>
internal sealed record QapiFeature(string Name, SchemaLocation Location);

/// <summary>A member of an object, an argument, a value of an enum, a branch of a union or alternate.</summary>
internal sealed record QapiMember(string Name, SchemaLocation Location)
{
    internal bool Optional { get; init; }

    /// <summary>Null for enum values, and for union branches without members.</summary>
    internal QapiType? Type { get; init; }

    internal IReadOnlyList<QapiFeature> Features { get; init; } = [];

    internal string? Doc { get; init; }

    internal string CSharp => CSharpName.Pascal(Name);
}

/// <summary>An enumeration.</summary>
internal sealed class EnumType(RawDefinition raw) : DefinedType(raw, raw.Name.Text, "string")
{
    internal IReadOnlyList<QapiMember> Values { get; set; } = [];
}

/// <summary>A struct, a flat union, or the nameless object of a command's or event's data.</summary>
internal sealed class ObjectType(RawDefinition raw, string name, bool isImplicit) : DefinedType(raw, name, "object")
{
    /// <summary>Written in place, not named.</summary>
    internal bool IsImplicit { get; } = isImplicit;

    internal ObjectType? Base { get; set; }

    /// <summary>Without those of the base and the branches.</summary>
    internal IReadOnlyList<QapiMember> OwnMembers { get; set; } = [];

    /// <summary>Selects the branch; null for a struct.</summary>
    internal QapiMember? Discriminator { get; set; }

    /// <summary>One per value of the discriminator's enum.</summary>
    internal IReadOnlyList<QapiMember> Branches { get; set; } = [];

    internal bool IsUnion => Raw.Meta == "union" && !IsImplicit;

    /// <summary>The base's members, then its own.</summary>
    internal IEnumerable<QapiMember> Members => Base == null ? OwnMembers : Base.Members.Concat(OwnMembers);
}

/// <summary>A value of one of several JSON types.</summary>
internal sealed class AlternateType(RawDefinition raw) : DefinedType(raw, raw.Name.Text, "")
{
    internal IReadOnlyList<QapiMember> Branches { get; set; } = [];
}

/// <summary>A command.</summary>
internal sealed record CommandDefinition(RawDefinition Raw)
{
    internal string Name => Raw.Name.Text;

    internal string CSharp => CSharpName.Pascal(Name);

    internal ObjectType? Arguments { get; init; }

    internal QapiType? Returns { get; init; }

    internal bool Boxed { get; init; }

    internal bool Generated { get; init; }

    internal bool SuccessResponse { get; init; }

    internal bool AllowOob { get; init; }

    internal bool Coroutine { get; init; }

    internal IReadOnlyList<QapiFeature> Features { get; init; } = [];
}

/// <summary>An event.</summary>
internal sealed record EventDefinition(RawDefinition Raw)
{
    internal string Name => Raw.Name.Text;

    internal string CSharp => CSharpName.Pascal(Name) + "Event";

    internal ObjectType? Data { get; init; }

    internal IReadOnlyList<QapiFeature> Features { get; init; } = [];
}

/// <summary>A schema without mistakes.</summary>
internal sealed record QapiSchema(
    IReadOnlyList<DefinedType> Types,
    IReadOnlyList<CommandDefinition> Commands,
    IReadOnlyList<EventDefinition> Events,
    IReadOnlyList<RawDefinition> Definitions)
{
    internal IEnumerable<string> Modules => Definitions.Select(d => d.Module).Distinct();
}

using Vmm.Qapi.Syntax;

namespace Vmm.Qapi.Model;

/// <summary>What form a value of the schema must have, or an error at its place.</summary>
internal static class Expect
{
    internal static SchemaString String(SchemaValue value, string what) => value as SchemaString ?? throw Wrong(value, what, "a string");

    internal static SchemaObject Object(SchemaValue value, string what) => value as SchemaObject ?? throw Wrong(value, what, "an object");

    internal static SchemaList List(SchemaValue value, string what) => value as SchemaList ?? throw Wrong(value, what, "a list");

    internal static bool Bool(SchemaValue value, string what) => (value as SchemaBool ?? throw Wrong(value, what, "true or false")).Value;

    /// <summary>A flag whose default is left out, so that only the other value may be written.</summary>
    internal static bool Flag(SchemaObject body, string key, bool written)
    {
        if (body[key] is not { } value)
        {
            return !written;
        }
        return Bool(value, $"'{key}'") == written
            ? written
            : throw new SchemaException(
                SchemaErrorKind.Structure, value.Location, $"'{key}' can only be {(written ? "true" : "false")}; leave it out otherwise");
    }

    /// <summary>Refuses keys that are not in either list, and the lack of one that must be there.</summary>
    internal static void Keys(SchemaObject value, string what, string[] required, params string[] optional)
    {
        foreach (string key in required)
        {
            if (value[key] == null)
            {
                throw new SchemaException(SchemaErrorKind.Structure, value.Location, $"{what} lacks '{key}'");
            }
        }
        if (value.Members.FirstOrDefault(m => !required.Contains(m.Name) && !optional.Contains(m.Name)) is { } surplus)
        {
            throw new SchemaException(
                SchemaErrorKind.Structure, surplus.Location, $"{what} cannot have '{surplus.Name}'; it has {string.Join(", ", required.Concat(optional))}");
        }
    }

    private static SchemaException Wrong(SchemaValue value, string what, string form) =>
        new(SchemaErrorKind.Structure, value.Location, $"{what} must be {form}");
}

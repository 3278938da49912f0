using Vmm.Qapi.Syntax;

namespace Vmm.Qapi.Model;

/// <summary>All types by name.</summary>
internal sealed class TypeTable
{
    private readonly Dictionary<string, QapiType> _types = BuiltinType.All.ToDictionary(t => t.Name, t => (QapiType)t, StringComparer.Ordinal);
    private readonly Dictionary<string, ArrayType> _arrays = new(StringComparer.Ordinal);

    internal void Add(DefinedType type) => _types.Add(type.Name, type);

    /// <summary>A type by name, or a list by <c>[name]</c>.</summary>
    internal QapiType Resolve(SchemaValue reference, string what)
    {
        switch (reference)
        {
            case SchemaString name:
                return Named(name);
            case SchemaList { Items: { Count: 1 } items } when items[0] is SchemaString element:
                if (!_arrays.TryGetValue(element.Text, out var array))
                {
                    array = new(Named(element));
                    _arrays.Add(element.Text, array);
                }
                return array;
            case SchemaList:
                throw new SchemaException(SchemaErrorKind.Structure, reference.Location, $"{what}: a list type holds one type name");
            default:
                throw new SchemaException(SchemaErrorKind.Structure, reference.Location, $"{what} must be a type name or a list type");
        }
    }

    /// <summary>A struct or union by name.</summary>
    internal ObjectType ResolveObject(SchemaValue reference, string what, bool allowUnion)
    {
        var type = Resolve(reference, what);
        return type is ObjectType { } found && (allowUnion || !found.IsUnion)
            ? found
            : throw new SchemaException(
                SchemaErrorKind.TypeMisuse, reference.Location, $"{what} must be a struct{(allowUnion ? " or union" : "")}, which '{type.Name}' is not");
    }

    private QapiType Named(SchemaString name) => _types.TryGetValue(name.Text, out var type)
        ? type
        : throw new SchemaException(SchemaErrorKind.UnknownType, name.Location, $"unknown type '{name.Text}'");
}

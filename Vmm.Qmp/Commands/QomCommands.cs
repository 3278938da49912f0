// qom.json: the tree of objects and its types. Nothing can be set yet once an object exists, but objects that are no devices come and go.

using System.Text.Json;
using Vmm.Core.Devices.Model;
using Vmm.Core.Machines;
using Vmm.Core.Objects;
using Vmm.Qmp.Schema;
using ObjectType = Vmm.Core.Objects.ObjectType;

namespace Vmm.Qmp.Commands;

/// <summary>The commands of qom.json.</summary>
/// <param name="machine">Whose objects they are.</param>
public sealed class QomCommands(Machine machine) : IQomCommands
{
    /// <summary>The most objects that one command reads: more than the largest machine has.</summary>
    private const int MostPaths = 1024;

    /// <inheritdoc/>
    public ValueTask<IReadOnlyList<ObjectPropertyInfo>> QomList(CommandContext context, string path)
    {
        var (whole, node) = Find(path);
        return ValueTask.FromResult<IReadOnlyList<ObjectPropertyInfo>>(
            [.. node.All(whole).Select(property => new ObjectPropertyInfo { Name = property.Name, Type = property.Type })]);
    }

    /// <inheritdoc/>
    public ValueTask<JsonElement> QomGet(CommandContext context, string path, string property) =>
        ValueTask.FromResult(JsonValue.Of(Property(path, property).Property.Value ?? ""));

    /// <inheritdoc/>
    public ValueTask QomSet(CommandContext context, string path, string property, JsonElement value)
    {
        var (node, found) = Property(path, property);
        throw QmpException.GenericError(node.Properties.Contains(found)
            ? $"Attempt to set property '{property}' on '{node.Name}' (type '{node.Type}') after it was realized"
            : "Insufficient permission to perform this operation");
    }

    /// <inheritdoc/>
    public ValueTask<IReadOnlyList<ObjectPropertiesValues>> QomListGet(CommandContext context, IReadOnlyList<string> paths)
    {
        // The answer is many times as long as a path, and is made on the machine loop.
        if (paths.Count > MostPaths)
        {
            throw QmpException.GenericError($"Parameter 'paths' expects at most {MostPaths} paths, not {paths.Count}");
        }

        var tree = ObjectTree.Of(machine);
        return ValueTask.FromResult<IReadOnlyList<ObjectPropertiesValues>>([.. paths.Select(path => Values(tree, path))]);
    }

    /// <inheritdoc/>
    public ValueTask<IReadOnlyList<ObjectTypeInfo>> QomListTypes(CommandContext context, string? implements, bool? @abstract) =>
        ValueTask.FromResult<IReadOnlyList<ObjectTypeInfo>>(
        [
            .. ObjectType.All
                .Where(type => (@abstract == true || !type.IsAbstract) && (implements is null || ObjectType.Implements(type, implements)))
                .Select(type => new ObjectTypeInfo { Name = type.Name, Abstract = type.IsAbstract ? true : null, Parent = type.Parent }),
        ]);

    /// <inheritdoc/>
    public ValueTask<IReadOnlyList<ObjectPropertyInfo>> QomListProperties(CommandContext context, string typename) =>
        ValueTask.FromResult<IReadOnlyList<ObjectPropertyInfo>>(
        [
            .. ObjectType.All.Any(type => type.Name == typename) ? [new ObjectPropertyInfo { Name = "type", Type = "string" }] : (ObjectPropertyInfo[])[],
            .. DeviceTypes.Find(typename) is { } device ? QdevCommands.Properties(device) : [],
        ]);

    /// <inheritdoc/>
    public ValueTask ObjectAdd(CommandContext context, ObjectOptions arguments) =>
        Refusals.ToQmpErrors(() => ObjectOptionsReader.Add(machine.Objects, arguments));

    /// <inheritdoc/>
    public ValueTask ObjectDel(CommandContext context, string id) => Refusals.ToQmpErrors(() => machine.Objects.Remove(id));

    private static ObjectPropertiesValues Values(ObjectTree tree, string path)
    {
        var (whole, node) = Find(tree, path);
        return new ObjectPropertiesValues
        {
            Properties =
            [
                .. node.All(whole).Select(property => new ObjectPropertyValue
                {
                    Name = property.Name,
                    Type = property.Type,
                    Value = property.Value is { } value ? JsonValue.Of(value) : null,
                }),
            ],
        };
    }

    private (ObjectNode Node, ObjectProperty Property) Property(string path, string property)
    {
        var (whole, node) = Find(path);
        return (node, node.All(whole).FirstOrDefault(p => p.Name == property)
            ?? throw QmpException.GenericError($"Property '{node.Type}.{property}' not found"));
    }

    private (string Path, ObjectNode Node) Find(string path) => Find(ObjectTree.Of(machine), path);

    private static (string Path, ObjectNode Node) Find(ObjectTree tree, string path) => tree.Find(path, out bool isAmbiguous)
        ?? throw (isAmbiguous
            ? QmpException.GenericError($"Path '{path}' does not uniquely identify an object")
            : QmpException.DeviceNotFound($"Device '{path}' not found"));
}

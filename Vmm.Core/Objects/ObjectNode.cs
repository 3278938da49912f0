namespace Vmm.Core.Objects;

/// <summary>An object in the tree of objects.</summary>
/// <param name="Name">Its name below its parent; empty for the root.</param>
/// <param name="Type">The name of its type.</param>
/// <param name="Properties">Its properties, without those that are its children.</param>
/// <param name="Children">What is below it.</param>
public sealed record ObjectNode(string Name, string Type, IReadOnlyList<ObjectProperty> Properties, IReadOnlyList<ObjectNode> Children)
{
    /// <summary>The type of a node that only holds others.</summary>
    public const string Container = "container";

    /// <summary>An object without properties, which holds others.</summary>
    public static ObjectNode Holding(string name, IReadOnlyList<ObjectNode> children) => new(name, Container, [], children);

    /// <summary>All properties by name: the type, the object's own, the children.</summary>
    public IEnumerable<ObjectProperty> All(string path) =>
    [
        new("type", "string", Type),
        .. Properties,
        .. Children.Select(child => new ObjectProperty(child.Name, $"child<{child.Type}>", $"{(path == "/" ? "" : path)}/{child.Name}")),
    ];
}

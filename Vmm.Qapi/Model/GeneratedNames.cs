using Vmm.Qapi.Syntax;

namespace Vmm.Qapi.Model;

/// <summary>Names of the C# types that a schema becomes.</summary>
internal static class GeneratedNames
{
    private static readonly string[] RunTime =
    [
        "QapiCommand", "QapiCommands", "QapiEvent", "QapiIntrospection", "QapiJson", "QapiReader", "QapiEncoder", "QapiElement", "QNull",
        "QmpException", "CommandContext", "CommandHandlers",
    ];

    internal static string Handlers(string module) => $"I{CSharpName.Pascal(module)}Commands";

    internal static string Branch(ObjectType union, QapiMember branch) => union.Name + branch.CSharp;

    /// <summary>Refuses two things of the schema that would become one C# type.</summary>
    internal static bool RefuseCollisions(QapiSchema schema)
    {
        var taken = RunTime.ToDictionary(n => n, _ => "the run time", StringComparer.Ordinal);
        foreach (var (name, raw) in Names(schema))
        {
            if (taken.TryGetValue(name, out string other))
            {
                throw new SchemaException(
                    SchemaErrorKind.Duplicate, raw.Location, $"'{raw.Name.Text}' needs the C# type {name}, which {other} has already");
            }
            taken.Add(name, $"'{raw.Name.Text}'");
        }

        foreach (var module in schema.Commands.GroupBy(c => c.Raw.Module))
        {
            var commands = new Dictionary<string, CommandDefinition>(StringComparer.Ordinal);
            foreach (var command in module)
            {
                if (commands.TryGetValue(command.CSharp, out var other))
                {
                    throw new SchemaException(
                        SchemaErrorKind.Duplicate, command.Raw.Location, $"'{command.Name}' collides with '{other.Name}' ({other.Raw.Location})");
                }
                commands.Add(command.CSharp, command);
            }
        }
        return true;
    }

    private static IEnumerable<(string Name, RawDefinition Raw)> Names(QapiSchema schema)
    {
        foreach (var type in schema.Types)
        {
            yield return (type.Name, type.Raw);
            if (type is EnumType)
            {
                yield return (type.Name + "Qapi", type.Raw);
            }
            if (type is ObjectType { IsUnion: true } union)
            {
                foreach (var branch in union.Branches)
                {
                    yield return (Branch(union, branch), type.Raw);
                }
            }
        }
        foreach (var command in schema.Commands)
        {
            if (command.Arguments is { IsImplicit: true } arguments)
            {
                yield return (arguments.Name, command.Raw);
            }
        }
        foreach (var raised in schema.Events)
        {
            yield return (raised.CSharp, raised.Raw);
        }
        foreach (var module in schema.Commands.GroupBy(c => c.Raw.Module))
        {
            yield return (Handlers(module.Key), module.First().Raw);
        }
    }
}

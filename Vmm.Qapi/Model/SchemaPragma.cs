using Vmm.Qapi.Syntax;

namespace Vmm.Qapi.Model;

/// <summary>What <c>pragma</c> directives say; they hold for the whole schema, wherever they stand.</summary>
internal sealed class SchemaPragma
{
    /// <summary>Every definition, member, value, argument and feature is documented.</summary>
    internal bool DocRequired { get; private set; }

    /// <summary>Commands that may have <c>_</c> or capitals in their names.</summary>
    internal HashSet<string> CommandNameExceptions { get; } = new(StringComparer.Ordinal);

    /// <summary>Commands that may return something that cannot grow: no object and no list of objects.</summary>
    internal HashSet<string> CommandReturnsExceptions { get; } = new(StringComparer.Ordinal);

    /// <summary>Definitions whose members need not be documented.</summary>
    internal HashSet<string> DocumentationExceptions { get; } = new(StringComparer.Ordinal);

    /// <summary>Types whose members may have <c>_</c> or capitals in their names.</summary>
    internal HashSet<string> MemberNameExceptions { get; } = new(StringComparer.Ordinal);

    internal void Add(SchemaObject pragma)
    {
        foreach (var member in pragma.Members)
        {
            switch (member.Name)
            {
                case "doc-required":
                    DocRequired = Expect.Bool(member.Value, "'doc-required'");
                    break;
                case "command-name-exceptions":
                    Add(CommandNameExceptions, member);
                    break;
                case "command-returns-exceptions":
                    Add(CommandReturnsExceptions, member);
                    break;
                case "documentation-exceptions":
                    Add(DocumentationExceptions, member);
                    break;
                case "member-name-exceptions":
                    Add(MemberNameExceptions, member);
                    break;
                default:
                    throw new SchemaException(SchemaErrorKind.Structure, member.Location, $"unknown pragma '{member.Name}'");
            }
        }
    }

    private static void Add(HashSet<string> names, SchemaMember member)
    {
        foreach (var item in Expect.List(member.Value, $"'{member.Name}'").Items)
        {
            names.Add(Expect.String(item, $"'{member.Name}' item").Text);
        }
    }
}

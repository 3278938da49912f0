// Documentation is part of the schema: under the pragma 'doc-required' everything that a client can see has
// a text, and no text stands for something that is not there.

using Vmm.Qapi.Syntax;

namespace Vmm.Qapi.Model;

/// <summary>Checks a definition against its documentation.</summary>
internal static class DocRules
{
    internal static void Check(RawDefinition raw, SchemaPragma pragma, IReadOnlyCollection<QapiMember> members, IReadOnlyList<QapiFeature> features)
    {
        string name = raw.Name.Text;
        if (raw.Doc is not { } doc)
        {
            if (pragma.DocRequired)
            {
                throw Error(raw.Location, $"'{name}' is not documented");
            }
            return;
        }

        if (doc.Symbol != name)
        {
            throw Error(doc.Location, $"documentation of '{doc.Symbol}' stands before '{name}'");
        }
        if (doc.Summary.Length == 0 && pragma.DocRequired)
        {
            throw Error(doc.Location, $"documentation of '{name}' does not say what it is");
        }
        RefuseStray(doc.Members, members.Select(m => m.Name), $"'{name}' has no member");
        RefuseStray(doc.Features, features.Concat(members.SelectMany(m => m.Features)).Select(f => f.Name), $"'{name}' has no feature");
        if (raw.Meta != "command" && (doc.Sections.FirstOrDefault(s => s.Name is "Returns" or "Errors") is { } section))
        {
            throw Error(section.Location, $"only a command's documentation has '{section.Name}:'");
        }

        if (pragma.DocRequired && !pragma.DocumentationExceptions.Contains(name))
        {
            foreach (var member in members.Where(m => doc.Member(m.Name) == null))
            {
                throw Error(member.Location, $"'{member.Name}' of {name} is not documented");
            }
            foreach (var feature in features.Concat(members.SelectMany(m => m.Features)).Where(f => doc.Features.All(d => d.Name != f.Name)))
            {
                throw Error(feature.Location, $"feature '{feature.Name}' of {name} is not documented");
            }
        }
    }

    private static void RefuseStray(IReadOnlyList<SchemaDocEntry> entries, IEnumerable<string> names, string says)
    {
        var known = new HashSet<string>(names, StringComparer.Ordinal);
        if (entries.FirstOrDefault(e => !known.Contains(e.Name)) is { } stray)
        {
            throw Error(stray.Location, $"{says} '{stray.Name}'");
        }
    }

    private static SchemaException Error(SchemaLocation location, string message) => new(SchemaErrorKind.Documentation, location, message);
}

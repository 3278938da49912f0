// A schema is a tree of files: the root includes one file per subject, a subject includes what it needs.
// A file is read once, where it is first included; its definitions then stand before those of the includer,
// so the order of modules, and with it the order of the introspection answer, follows the includes.

using Vmm.Qapi.Syntax;

namespace Vmm.Qapi.Model;

/// <summary>A text file of the schema.</summary>
public sealed record SchemaFile(string Path, string Text);

/// <summary>A definition before it is checked.</summary>
internal sealed record RawDefinition(string Module, string Meta, SchemaString Name, SchemaObject Body, SchemaDoc? Doc)
{
    internal SchemaLocation Location => Name.Location;
}

/// <summary>Follows the includes from the root and sorts expressions into definitions and pragmas.</summary>
internal sealed class SchemaSource(IReadOnlyList<SchemaFile> files, List<SchemaError> errors)
{
    private static readonly string[] Metas = ["enum", "struct", "union", "alternate", "command", "event"];

    private readonly Dictionary<string, SchemaFile> _files = files.ToDictionary(f => Normalize(f.Path), StringComparer.Ordinal);
    private readonly HashSet<string> _seen = new(StringComparer.Ordinal);

    internal List<RawDefinition> Definitions { get; } = [];

    internal SchemaPragma Pragma { get; } = new();

    /// <summary>The name of the file that includes all others.</summary>
    internal const string RootName = "qapi-schema.json";

    internal void Read()
    {
        var root = files.FirstOrDefault(f => Path.GetFileName(f.Path) == RootName);
        if (root == null)
        {
            errors.Add(new(SchemaErrorKind.Include, new(files[0].Path, 1, 1), $"no file of the schema is named {RootName}"));
            return;
        }

        Read(root);
        foreach (var file in files.Where(f => !_seen.Contains(Normalize(f.Path))))
        {
            errors.Add(new(SchemaErrorKind.Include, new(file.Path, 1, 1), $"{Path.GetFileName(file.Path)} is included from nowhere"));
        }
    }

    private void Read(SchemaFile file)
    {
        if (!_seen.Add(Normalize(file.Path)))
        {
            return;
        }
        try
        {
            foreach (var expression in SchemaParser.Parse(file.Path, file.Text))
            {
                Guard(() => Sort(file, expression));
            }
        }
        catch (SchemaException e)
        {
            errors.Add(e.Error);
        }
    }

    private void Sort(SchemaFile file, SchemaExpression expression)
    {
        var body = expression.Body;
        if (body["include"] is { } include)
        {
            RequireAlone(expression, "include");
            Include(file, Expect.String(include, "'include'"));
        }
        else if (body["pragma"] is { } pragma)
        {
            RequireAlone(expression, "pragma");
            Pragma.Add(Expect.Object(pragma, "'pragma'"));
        }
        else
        {
            string meta = Metas.FirstOrDefault(m => body[m] != null)
                ?? throw new SchemaException(
                    SchemaErrorKind.Structure, body.Location, "a definition has one of the keys " + string.Join(", ", Metas.Select(m => $"'{m}'")));
            var name = Expect.String(body[meta]!, $"'{meta}'");
            Definitions.Add(new(Path.GetFileNameWithoutExtension(file.Path), meta, name, body, expression.Doc));
        }
    }

    private void Include(SchemaFile from, SchemaString include)
    {
        string path = Normalize(Path.Combine(Path.GetDirectoryName(from.Path) ?? "", include.Text));
        if (!_files.TryGetValue(path, out var file))
        {
            throw new SchemaException(SchemaErrorKind.Include, include.Location, $"no schema file '{include.Text}'");
        }
        Read(file);
    }

    private static void RequireAlone(SchemaExpression expression, string key)
    {
        if (expression.Body.Members.Count > 1)
        {
            throw new SchemaException(SchemaErrorKind.Structure, expression.Body.Location, $"'{key}' stands alone in its braces");
        }
        if (expression.Doc is { } doc)
        {
            throw new SchemaException(SchemaErrorKind.Documentation, doc.Location, $"'{key}' has no documentation");
        }
    }

    private void Guard(Action action)
    {
        try
        {
            action();
        }
        catch (SchemaException e)
        {
            errors.Add(e.Error);
        }
    }

    // Path.GetFullPath would ask the file system, which a generator must not do.
    private static string Normalize(string path)
    {
        var parts = new List<string>();
        foreach (string part in path.Replace('\\', '/').Split('/'))
        {
            if (part == ".." && parts.Count > 0 && parts[parts.Count - 1] != "..")
            {
                parts.RemoveAt(parts.Count - 1);
            }
            else if (part != ".")
            {
                parts.Add(part);
            }
        }
        return string.Join("/", parts);
    }
}

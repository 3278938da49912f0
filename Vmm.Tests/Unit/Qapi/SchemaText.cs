using Vmm.Qapi;
using Vmm.Qapi.Model;

namespace Vmm.Tests.Unit.Qapi;

/// <summary>Schemas written in a test.</summary>
internal static class SchemaText
{
    internal const string Root = "qapi-schema.json";

    internal static SchemaOutput Generate(string root) => SchemaGenerator.Generate([new(Root, root)]);

    internal static SchemaOutput Generate(params (string Name, string Text)[] files) =>
        SchemaGenerator.Generate([.. files.Select(f => new SchemaFile(f.Name, f.Text))]);

    /// <summary>All errors as <c>file:line: id: message</c>.</summary>
    internal static string Errors(this SchemaOutput output) => string.Join("\n", output.Errors);

    internal static string Source(this SchemaOutput output, string file)
    {
        Assert.That(output.Errors(), Is.Empty);
        return output.Sources.Single(s => s.Path == file).Text;
    }
}

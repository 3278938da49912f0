// The build-time half of QMP: schema text in, C# out.
//
//   schema files ── Syntax ──► expressions ── Model ──► checked schema ── Emit ──► one .g.cs per module,
//                                                                                dispatch, introspection
//
// Everything that a client can send or see is declared in qapi-schema/ and nowhere else; the handlers' interfaces
// come out of it too, so a command without a handler does not compile. Mistakes are build errors with file and line.

using System.Collections.Immutable;
using System.Text;
using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.Text;
using Vmm.Qapi.Emit;
using Vmm.Qapi.Model;
using Vmm.Qapi.Syntax;

namespace Vmm.Qapi;

/// <summary>Generates code from the additional files that carry the metadata <c>QapiSchema="true"</c>.</summary>
[Generator(LanguageNames.CSharp)]
public sealed class SchemaGenerator : IIncrementalGenerator
{
    private const string Mark = "build_metadata.AdditionalFiles.QapiSchema";

    /// <inheritdoc/>
    public void Initialize(IncrementalGeneratorInitializationContext context)
    {
        var files = context.AdditionalTextsProvider
            .Combine(context.AnalyzerConfigOptionsProvider)
            .Where(pair => pair.Right.GetOptions(pair.Left).TryGetValue(Mark, out string? mark) && mark == "true")
            .Select((pair, cancel) => new SchemaFile(pair.Left.Path, pair.Left.GetText(cancel)?.ToString() ?? ""))
            .Collect();
        context.RegisterSourceOutput(files, Produce);
    }

    private static void Produce(SourceProductionContext context, ImmutableArray<SchemaFile> files)
    {
        if (files.IsEmpty)
        {
            return;
        }
        var output = Generate([.. files.OrderBy(f => f.Path, StringComparer.Ordinal)]);
        foreach (var error in output.Errors)
        {
            context.ReportDiagnostic(error.ToDiagnostic());
        }
        foreach (var file in output.Sources)
        {
            context.AddSource(file.Path, SourceText.From(file.Text, Encoding.UTF8));
        }
    }

    /// <summary>Reads, checks and translates a schema.</summary>
    /// <param name="files">All its files; one is named <c>qapi-schema.json</c>.</param>
    public static SchemaOutput Generate(IReadOnlyList<SchemaFile> files)
    {
        var errors = new List<SchemaError>();
        var schema = SchemaChecker.Check(files, errors);
        return new(schema == null ? [] : SchemaEmitter.Emit(schema), errors);
    }
}

/// <summary>What a schema became: C# files, or errors.</summary>
public sealed record SchemaOutput(IReadOnlyList<SchemaFile> Sources, IReadOnlyList<SchemaError> Errors);

using System.Collections.Immutable;
using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.CSharp;
using Microsoft.CodeAnalysis.Diagnostics;
using Microsoft.CodeAnalysis.Text;
using Vmm.Qapi;

namespace Vmm.Tests.Unit.Qapi;

/// <summary>The generator as the compiler drives it.</summary>
[Parallelizable(ParallelScope.All)]
public sealed class SchemaGeneratorTests
{
    [Test]
    [Promise(39)]
    public void A_schema_error_is_a_build_error_at_its_file_and_line()
    {
        var result = Run(("/src/qapi-schema.json", "\n\n{ 'command': 'a', 'returns': 'Gone' }", true));

        var error = result.Diagnostics.Single();
        Assert.Multiple(() =>
        {
            Assert.That(error.Id, Is.EqualTo("QAPI006"));
            Assert.That(error.Severity, Is.EqualTo(DiagnosticSeverity.Error));
            Assert.That(error.Location.GetLineSpan().Path, Is.EqualTo("/src/qapi-schema.json"));
            Assert.That(error.Location.GetLineSpan().StartLinePosition.Line, Is.EqualTo(2), "counted from 0");
            Assert.That(error.ToString(), Does.StartWith("/src/qapi-schema.json(3,"), "as the build prints it");
            Assert.That(result.GeneratedTrees, Is.Empty);
        });
    }

    [Test]
    public void Modules_become_files()
    {
        var result = Run(
            ("/src/qapi-schema.json", "{ 'include': 'run-state.json' }", true),
            ("/src/run-state.json", "{ 'event': 'STOP' }", true));

        Assert.That(
            result.GeneratedTrees.Select(t => Path.GetFileName(t.FilePath)),
            Is.EquivalentTo(["RunState.g.cs", "CommandHandlers.g.cs", "QapiCommands.g.cs", "QapiIntrospection.g.cs"]));
    }

    [Test]
    public void Other_additional_files_are_left_alone() =>
        Assert.That(Run(("/src/settings.json", "{ \"not\": 5 }", false)).Diagnostics, Is.Empty);

    private static GeneratorDriverRunResult Run(params (string Path, string Text, bool Marked)[] files)
    {
        var driver = CSharpGeneratorDriver.Create(
            [new SchemaGenerator().AsSourceGenerator()],
            files.Select(f => new Text(f.Path, f.Text)).ToImmutableArray<AdditionalText>(),
            optionsProvider: new Marks([.. files.Where(f => f.Marked).Select(f => f.Path)]));
        return driver.RunGenerators(CSharpCompilation.Create("empty")).GetRunResult();
    }

    private sealed class Text(string path, string text) : AdditionalText
    {
        public override string Path => path;

        public override SourceText GetText(CancellationToken cancellationToken = default) => SourceText.From(text);
    }

    private sealed class Marks(HashSet<string> marked) : AnalyzerConfigOptionsProvider
    {
        public override AnalyzerConfigOptions GlobalOptions => new Options(false);

        public override AnalyzerConfigOptions GetOptions(SyntaxTree tree) => new Options(false);

        public override AnalyzerConfigOptions GetOptions(AdditionalText textFile) => new Options(marked.Contains(textFile.Path));

        private sealed class Options(bool marked) : AnalyzerConfigOptions
        {
            public override bool TryGetValue(string key, out string value)
            {
                value = "true";
                return marked && key == "build_metadata.AdditionalFiles.QapiSchema";
            }
        }
    }
}

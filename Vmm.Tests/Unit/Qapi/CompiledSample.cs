using System.Reflection;
using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.CSharp;

namespace Vmm.Tests.Unit.Qapi;

/// <summary>The sample schema, translated, compiled together with the run time and loaded.</summary>
internal sealed class CompiledSample
{
    private const string GlobalUsings =
        "global using System; global using System.Collections.Generic; global using System.Linq; global using System.Threading.Tasks;";

    private readonly Type _harness;

    internal CompiledSample()
    {
        using var image = new MemoryStream();
        Assert.That(Compile(SampleSchema.Handlers, image), Is.Empty);
        _harness = Assembly.Load(image.ToArray()).GetType("Harness")!;
    }

    /// <summary>What the compiler has to say of the sample schema with other handlers.</summary>
    internal static IReadOnlyList<Diagnostic> ProblemsWith(string handlers)
    {
        using var image = new MemoryStream();
        return Compile(handlers, image);
    }

    internal string Invoke(string command, string arguments) => Call("Invoke", command, arguments);

    internal string Introspection() => Call("Introspection");

    internal string Flags(string command) => Call("Flags", command);

    internal string Event(string name) => Call("Event", name);

    private static Diagnostic[] Compile(string handlers, Stream image)
    {
        var output = SchemaText.Generate(SampleSchema.Text);
        Assert.That(output.Errors(), Is.Empty);
        var sources = output.Sources.Select(s => s.Text).Concat(RunTime()).Append(handlers).Append(GlobalUsings);
        var compilation = CSharpCompilation.Create(
            "sample-" + Guid.NewGuid(),
            sources.Select(text => CSharpSyntaxTree.ParseText(text)),
            References(),
            new(OutputKind.DynamicallyLinkedLibrary, allowUnsafe: true, nullableContextOptions: NullableContextOptions.Enable));
        return [.. compilation.Emit(image).Diagnostics.Where(d => d.Severity >= DiagnosticSeverity.Warning)];
    }

    private string Call(string method, params object[] arguments) => (string)_harness.GetMethod(method)!.Invoke(null, arguments)!;

    private static IEnumerable<string> RunTime()
    {
        var folder = new DirectoryInfo(TestContext.CurrentContext.TestDirectory);
        while (!File.Exists(Path.Combine(folder.FullName, "vmm.sln")))
        {
            folder = folder.Parent ?? throw new DirectoryNotFoundException("the folder of vmm.sln");
        }

        string[] run = Directory.GetFiles(Path.Combine(folder.FullName, "Vmm.Qmp", "Schema"), "*.cs");
        string[] errors = Directory.GetFiles(Path.Combine(folder.FullName, "Vmm.Core", "Errors"), "*.cs");
        return run.Concat(errors).Select(File.ReadAllText);
    }

    private static IEnumerable<MetadataReference> References() =>
        ((string)AppContext.GetData("TRUSTED_PLATFORM_ASSEMBLIES")!)
            .Split(Path.PathSeparator)
            .Where(path => Path.GetFileName(path).StartsWith("System.", StringComparison.Ordinal))
            .Select(path => MetadataReference.CreateFromFile(path));
}

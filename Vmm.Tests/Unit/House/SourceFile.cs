// A source file of this repository, read as the compiler reads it, so that a word in a comment or in a text is not taken for code.

using System.Collections.Concurrent;
using System.Text.RegularExpressions;
using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.CSharp;
using Microsoft.CodeAnalysis.CSharp.Syntax;

namespace Vmm.Tests.Unit.House;

internal sealed class SourceFile
{
    private static readonly ConcurrentDictionary<string, SourceFile> Parsed = new(StringComparer.Ordinal);

    private SourceFile(string path)
    {
        Path = path;
        Text = File.ReadAllText(System.IO.Path.Combine(Checkout.Root, path));
        var options = CSharpParseOptions.Default.WithLanguageVersion(LanguageVersion.Preview);
        Root = CSharpSyntaxTree.ParseText(Text, options, path).GetCompilationUnitRoot();
        Namespace = Root.DescendantNodes().OfType<BaseNamespaceDeclarationSyntax>().FirstOrDefault()?.Name.ToString();
        var types = Root.DescendantNodes(node => node is CompilationUnitSyntax or BaseNamespaceDeclarationSyntax);
        Types = [.. types.OfType<MemberDeclarationSyntax>().Select(NameOf).OfType<string>()];
    }

    /// <summary>Relative to the repository.</summary>
    internal string Path { get; }

    internal string Text { get; }

    internal CompilationUnitSyntax Root { get; }

    internal string? Namespace { get; }

    /// <summary>The names of the types that are no part of another one.</summary>
    internal IReadOnlyList<string> Types { get; }

    internal static SourceFile[] All() => [.. Checkout.Files().Where(f => f.EndsWith(".cs", StringComparison.Ordinal)).Select(Read)];

    internal static SourceFile Read(string path) => Parsed.GetOrAdd(path, p => new SourceFile(p));

    internal bool IsIn(string folder) => Path.StartsWith(folder + "/", StringComparison.Ordinal);

    /// <summary>Where a word stands as code: an identifier or keyword.</summary>
    internal IEnumerable<string> LinesWith(string word) =>
        Root.DescendantTokens().Where(t => t.Text == word).Select(t => Place(t.GetLocation()));

    /// <summary>Where a comment says something.</summary>
    internal IEnumerable<string> CommentsWith(Regex text) =>
        Root.DescendantTrivia(descendIntoTrivia: false)
            .Where(t => !t.IsKind(SyntaxKind.WhitespaceTrivia) && !t.IsKind(SyntaxKind.EndOfLineTrivia) && text.IsMatch(t.ToFullString()))
            .Select(t => Place(t.GetLocation()));

    private static string? NameOf(MemberDeclarationSyntax member) => member switch
    {
        BaseTypeDeclarationSyntax type => type.Identifier.Text,
        DelegateDeclarationSyntax type => type.Identifier.Text,
        _ => null,
    };

    private string Place(Location location) => $"{Path}:{location.GetLineSpan().StartLinePosition.Line + 1}";
}

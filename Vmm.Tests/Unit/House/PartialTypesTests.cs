// A type is in one file, and a type that needs a second one is two types. Only a source generator may write the rest of one, so "partial"
// stands where a member is marked for a generator, and nowhere else.

using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.CSharp;
using Microsoft.CodeAnalysis.CSharp.Syntax;

namespace Vmm.Tests.Unit.House;

[Parallelizable(ParallelScope.All)]
public sealed class PartialTypesTests
{
    /// <summary>Attributes of members that a generator writes.</summary>
    private static readonly string[] Generated = ["LoggerMessage", "LibraryImport", "GeneratedRegex"];

    private static IEnumerable<(string Name, SourceFile File, TypeDeclarationSyntax Type)> Partials =>
        from file in SourceFile.All()
        from type in file.Root.DescendantNodes().OfType<TypeDeclarationSyntax>()
        where type.Modifiers.Any(SyntaxKind.PartialKeyword)
        select ($"{file.Namespace}.{type.Identifier.Text}", file, type);

    private static string[] InSeveralFiles =>
    [
        .. from part in Partials
           group part.File.Path by part.Name into parts
           where parts.Distinct().Skip(1).Any()
           select parts.Key,
    ];

    [Test]
    public void No_type_is_in_two_files() => Assert.That(InSeveralFiles, Is.Empty);

    [Test]
    public void Partial_is_used_only_where_a_generator_writes_the_rest()
    {
        var without = from part in Partials
                      where !part.Type.DescendantNodes().OfType<MemberDeclarationSyntax>().Any(IsGenerated)
                      select $"{part.File.Path}: {part.Name}";

        Assert.That(Partials.Count(), Is.GreaterThan(20), "what a generator writes was not found");
        Assert.That(without, Is.Empty);
    }

    private static bool IsGenerated(MemberDeclarationSyntax member) =>
        member.Modifiers.Any(SyntaxKind.PartialKeyword)
        && member.AttributeLists.SelectMany(list => list.Attributes).Any(attribute => Generated.Contains(attribute.Name.ToString()));
}

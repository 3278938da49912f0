using Microsoft.CodeAnalysis.CSharp.Syntax;

namespace Vmm.Tests.Unit.House;

/// <summary>A test's name is a sentence that is read at a glance; what belongs to all tests of a class stands in the class's name.</summary>
[Parallelizable(ParallelScope.All)]
public sealed class TestNamesTests
{
    private const int MostCharacters = 80;

    [Test]
    public void A_tests_name_has_at_most_80_characters()
    {
        var tooLong = from file in SourceFile.All()
                      where file.IsIn("Vmm.Tests")
                      from method in file.Root.DescendantNodes().OfType<MethodDeclarationSyntax>()
                      where method.AttributeLists.SelectMany(list => list.Attributes).Any(IsTest) && method.Identifier.Text.Length > MostCharacters
                      select $"{file.Path}: {method.Identifier.Text}";
        Assert.That(tooLong, Is.Empty);
    }

    private static bool IsTest(AttributeSyntax attribute) => attribute.Name.ToString() is "Test" or "TestCase" or "TestCaseSource" or "Theory";
}

// docs/promises.md numbers what this project promises. A promise is worth what asserts it: each names tests, and they are there.

using System.Text.RegularExpressions;
using Microsoft.CodeAnalysis.CSharp.Syntax;

namespace Vmm.Tests.Unit.House;

[Parallelizable(ParallelScope.All)]
public sealed partial class PromisesTests
{
    private static string[] Page => File.ReadAllLines(Path.Combine(Checkout.Root, "docs", "promises.md"));

    [Test]
    public void Promises_are_numbered_from_1_without_a_gap()
    {
        int[] numbers = [.. Page.Select(line => Promise().Match(line)).Where(m => m.Success).Select(m => int.Parse(m.Groups["number"].Value, null))];

        Assert.That(numbers, Is.Not.Empty);
        Assert.That(numbers, Is.EqualTo(Enumerable.Range(1, numbers.Length)));
    }

    [Test]
    public void Every_promise_names_a_test()
    {
        var bare = Promises().Where(p => p.Tests.Count == 0).Select(p => p.Heading);
        Assert.That(bare, Is.Empty);
    }

    [Test]
    public void Every_test_that_is_named_exists()
    {
        var missing = from promise in Promises()
                      from test in promise.Tests
                      where !Exists(test)
                      select $"{promise.Heading}: {test}";
        Assert.That(missing, Is.Empty);
    }

    /// <summary>A test is named Folder/Class.Method, from Vmm.Tests on.</summary>
    private static bool Exists(string test)
    {
        int dot = test.LastIndexOf('.');
        string path = $"Vmm.Tests/{test[..dot]}.cs";
        return File.Exists(Path.Combine(Checkout.Root, path))
            && SourceFile.Read(path).Root.DescendantNodes().OfType<MethodDeclarationSyntax>()
                .Any(m => m.Identifier.Text == test[(dot + 1)..] && m.AttributeLists.SelectMany(l => l.Attributes).Any(IsTest));
    }

    private static bool IsTest(AttributeSyntax attribute) => attribute.Name.ToString() is "Test" or "TestCase" or "TestCaseSource" or "Theory";

    private static List<(string Heading, List<string> Tests)> Promises()
    {
        var promises = new List<(string Heading, List<string> Tests)>();
        foreach (string line in Page)
        {
            if (Promise().IsMatch(line))
            {
                promises.Add((line, []));
            }
            if (promises.Count > 0)
            {
                promises[^1].Tests.AddRange(Named().Matches(line).Select(m => m.Groups["test"].Value));
            }
        }
        return promises;
    }

    [GeneratedRegex(@"^(?<number>[0-9]+)\. ", RegexOptions.CultureInvariant)]
    private static partial Regex Promise();

    [GeneratedRegex(@"`(?<test>(Unit|Kvm|Lab|EndToEnd|Fuzz)/[\w/]+\.\w+)`", RegexOptions.CultureInvariant)]
    private static partial Regex Named();
}

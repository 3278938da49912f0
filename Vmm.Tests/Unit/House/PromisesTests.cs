// docs/promises.md numbers what this project promises. A promise is worth what asserts it: each names tests, they are there, and they carry its
// number. So a reader of the page finds the tests, and one who changes a test sees what was promised.

using System.Globalization;
using System.Text.RegularExpressions;
using Microsoft.CodeAnalysis.CSharp.Syntax;

namespace Vmm.Tests.Unit.House;

[Parallelizable(ParallelScope.All)]
public sealed partial class PromisesTests
{
    private static readonly HashSet<(int Number, string Test)> Borne =
    [
        .. from found in Methods()
           from attribute in Attributes(found.Method)
           where attribute.Name.ToString() == "Promise"
           from argument in attribute.ArgumentList!.Arguments
           select (int.Parse(argument.ToString(), CultureInfo.InvariantCulture), Name(found.File, found.Method)),
    ];

    /// <summary>The promises end there, and a table begins of what goes wrong elsewhere.</summary>
    private const string Failures = "## What goes wrong with QEMU";

    private static string[] Page => File.ReadAllLines(Path.Combine(Checkout.Root, "docs", "promises.md"));

    [Test]
    public void Promises_are_numbered_from_1_without_a_gap()
    {
        int[] numbers = [.. Promises().Select(p => p.Number)];

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
        var tests = Methods().Where(m => Attributes(m.Method).Any(IsTest)).Select(m => Name(m.File, m.Method)).ToHashSet();
        var missing = from promise in Promises()
                      from test in promise.Tests
                      where !tests.Contains(test)
                      select $"{promise.Heading}: {test}";
        Assert.That(missing, Is.Empty);
    }

    [Test]
    public void Every_failure_of_QEMU_is_answered_by_a_test_that_exists()
    {
        var tests = Methods().Where(m => Attributes(m.Method).Any(IsTest)).Select(m => Name(m.File, m.Method)).ToHashSet();
        string[] heads = ["| what goes wrong |", "| --- |"];
        string[] rows =
        [
            .. Page.SkipWhile(line => line != Failures)
                .Where(line => line.StartsWith('|') && !heads.Any(head => line.StartsWith(head, StringComparison.Ordinal))),
        ];

        Assert.That(rows, Is.Not.Empty);
        Assert.That(rows.Where(row => !tests.Contains(Named().Match(row).Groups["test"].Value)), Is.Empty);
    }

    [Test]
    public void Every_test_that_is_named_has_the_promises_number()
    {
        var silent = from promise in Promises()
                     from test in promise.Tests
                     where !Borne.Contains((promise.Number, test))
                     select $"{test} does not have [Promise({promise.Number})]";
        Assert.That(silent, Is.Empty);
    }

    [Test]
    public void Every_number_that_a_test_has_is_that_of_a_promise_that_names_it()
    {
        var named = Promises().SelectMany(p => p.Tests.Select(test => (p.Number, Test: test))).ToHashSet();
        var strays = Borne.Where(b => !named.Contains(b)).Select(b => $"promise {b.Number} does not name {b.Test}");
        Assert.That(strays, Is.Empty);
    }

    /// <summary>A test is named Folder/Class.Method, from Vmm.Tests on.</summary>
    private static string Name(SourceFile file, MethodDeclarationSyntax method) =>
        $"{file.Path["Vmm.Tests/".Length..^".cs".Length]}.{method.Identifier.Text}";

    private static IEnumerable<AttributeSyntax> Attributes(MethodDeclarationSyntax method) => method.AttributeLists.SelectMany(l => l.Attributes);

    private static bool IsTest(AttributeSyntax attribute) => attribute.Name.ToString() is "Test" or "TestCase" or "TestCaseSource" or "Theory";

    private static IEnumerable<(SourceFile File, MethodDeclarationSyntax Method)> Methods() =>
        from file in SourceFile.All()
        where file.IsIn("Vmm.Tests")
        from method in file.Root.DescendantNodes().OfType<MethodDeclarationSyntax>()
        select (file, method);

    private static List<(int Number, string Heading, List<string> Tests)> Promises()
    {
        var promises = new List<(int Number, string Heading, List<string> Tests)>();
        foreach (string line in Page.TakeWhile(line => line != Failures))
        {
            if (Promise().Match(line) is { Success: true } heading)
            {
                promises.Add((int.Parse(heading.Groups["number"].ValueSpan, CultureInfo.InvariantCulture), line, []));
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

    [GeneratedRegex(@"`(?<test>(Unit|Kvm|Lab|EndToEnd|Fuzz|Faults)/[\w/]+\.\w+)`", RegexOptions.CultureInvariant)]
    private static partial Regex Named();
}

using System.Text.RegularExpressions;

namespace Vmm.Tests.Unit.House;

/// <summary>
/// docs/operating.md lists every error of an update with what to do about it. The errors are found in the source (<see cref="OperatorTexts"/>),
/// so one that is added or reworded fails here until it has a line on the page.
/// </summary>
[Parallelizable(ParallelScope.All)]
public sealed partial class OperatingPageTests
{
    private static readonly HashSet<string> Listed = [.. Rows("## Errors and what to do", "## ")];

    [Test]
    public void Every_error_of_an_update_is_listed_with_what_to_do()
    {
        var missing = OperatorTexts.All().Where(text => !Listed.Contains(text.Text)).Select(text => $"{text.Place}: `{text.Text}`");
        Assert.That(string.Join('\n', missing.Distinct()), Is.Empty);
    }

    [Test]
    public void Every_listed_error_exists()
    {
        var texts = OperatorTexts.All().Select(text => text.Text).ToHashSet(StringComparer.Ordinal);
        Assert.That(string.Join('\n', Listed.Where(text => !texts.Contains(text))), Is.Empty);
    }

    [Test]
    public void Every_message_that_an_update_logs_is_explained() => Assert.That(Rows("### Logs", "##"), Is.EquivalentTo(OperatorTexts.Logged()));

    /// <summary>What stands in code quotes in the first column of the tables from a heading on to the next one.</summary>
    private static IEnumerable<string> Rows(string heading, string next) =>
        from line in File.ReadLines(Path.Combine(Checkout.Root, "docs", "operating.md"))
            .SkipWhile(line => line != heading)
            .Skip(1)
            .TakeWhile(line => !line.StartsWith(next, StringComparison.Ordinal))
        where line.StartsWith("| `", StringComparison.Ordinal)
        from Match match in CodeSpan().Matches(line.Split(" | ")[0])
        select match.Groups["text"].Value;

    [GeneratedRegex("`(?<text>[^`\n]+)`")]
    private static partial Regex CodeSpan();
}

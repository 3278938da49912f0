// A result of the test runner's, as its TRX files have it.

using System.Globalization;
using System.Xml.Linq;

namespace Vmm.Lab.Reports;

/// <summary>One test's result in one run.</summary>
/// <param name="Name">The test's name, with its arguments.</param>
/// <param name="Class">Its class, with the arguments of a fixture.</param>
/// <param name="Outcome">What the runner says.</param>
/// <param name="Duration">How long it took.</param>
/// <param name="Start">When it began.</param>
/// <param name="End">When it ended.</param>
/// <param name="Reason">Why it failed or was skipped.</param>
internal sealed record TestResult(
    string Name, string Class, string? Outcome, TimeSpan Duration, DateTimeOffset? Start, DateTimeOffset? End, string Reason)
{
    private const string Root = "Vmm.Tests.";

    private static readonly XNamespace Trx = "http://microsoft.com/schemas/VisualStudio/TeamTest/2010";

    /// <summary>Whether it was not run.</summary>
    internal bool IsSkipped => Outcome is "NotExecuted" or "Inconclusive" or "Pending";

    /// <summary>Whether it was run and did not pass.</summary>
    internal bool IsFailed => !IsSkipped && Outcome != "Passed";

    /// <summary>Which test it is, in any run.</summary>
    internal (string Class, string Name) Test => (Class, Name);

    /// <summary>The class without the name that all have in common.</summary>
    internal string ShortClass => Class.StartsWith(Root, StringComparison.Ordinal) ? Class[Root.Length..] : Class;

    /// <summary>The folder of Vmm.Tests that it lies in.</summary>
    internal string Part => ShortClass.Contains('.', StringComparison.Ordinal) ? ShortClass.Split('.')[0] : "other";

    /// <summary>The first line of the reason.</summary>
    internal string FirstLine => Reason.Trim().Split('\n')[0];

    /// <summary>The results of a file.</summary>
    internal static List<TestResult> Read(string file)
    {
        var run = XDocument.Load(file);
        var classes = run.Descendants(Trx + "UnitTest").ToDictionary(
            test => (string)test.Attribute("id")!, test => (string?)test.Element(Trx + "TestMethod")?.Attribute("className") ?? "", StringComparer.Ordinal);
        return [.. run.Descendants(Trx + "UnitTestResult").Select(result => Of(result, classes))];
    }

    /// <summary>Whether the run of a file went to its end: the runner notes a crash as an error of the run, not of a test.</summary>
    internal static bool IsComplete(string file) =>
        !XDocument.Load(file).Descendants(Trx + "RunInfo").Any(info => (string?)info.Attribute("outcome") == "Error");

    private static TestResult Of(XElement result, Dictionary<string, string> classes) => new(
        (string?)result.Attribute("testName") ?? "a test without a name",
        classes.GetValueOrDefault((string?)result.Attribute("testId") ?? "", ""),
        (string?)result.Attribute("outcome"),
        TimeSpan.TryParse((string?)result.Attribute("duration"), CultureInfo.InvariantCulture, out var duration) ? duration : TimeSpan.Zero,
        (DateTimeOffset?)result.Attribute("startTime"),
        (DateTimeOffset?)result.Attribute("endTime"),
        (string?)result.Descendants(Trx + "Message").FirstOrDefault() ?? "no reason given");
}

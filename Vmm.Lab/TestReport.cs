// What ./test prints when the tests have run, read from the TRX files that the runner left.
//
// For a reader the interesting lines stand last: skipped tests with their reasons, the slowest tests, the time of each part, failed
// tests, and the counts. Parts are the folders of Vmm.Tests, which are namespaces. Tests run side by side, so a part has two times: how
// long it lasted from its first test's start to its last test's end, and how long its tests took together.

using System.Globalization;
using System.Xml.Linq;

namespace Vmm.Lab;

/// <summary>Reads the results of a test run (TRX files) and reports them in the form that ./test ends with.</summary>
internal static class TestReport
{
    /// <summary>How many of the slowest tests are listed.</summary>
    internal const int Slowest = 10;

    private static readonly XNamespace Trx = "http://microsoft.com/schemas/VisualStudio/TeamTest/2010";

    /// <summary>Prints skipped tests, the slowest tests, the time of each part, failed tests, and the counts as the last line.</summary>
    /// <param name="status">The runner's exit status; a runner that failed without a failed test counts as one failure.</param>
    /// <param name="files">The TRX files.</param>
    /// <param name="output">Where to.</param>
    /// <returns>0 if tests ran and none failed, else 1.</returns>
    internal static int Print(int status, IEnumerable<string> files, TextWriter output)
    {
        var tests = files.SelectMany(Read).ToList();
        var skipped = tests.Where(test => test.Outcome is "NotExecuted" or "Inconclusive" or "Pending").ToList();
        var failed = tests.Except(skipped).Where(test => test.Outcome != "Passed").ToList();

        PrintReasons(skipped, "SKIPPED", output);
        PrintSlowest(tests, output);
        PrintParts(tests, output);
        PrintReasons(failed, "FAILED", output);
        int failures = failed.Count;
        if (status != 0 && failures == 0)
        {
            output.WriteLine($"FAILED  the test run itself, with status {status}");
            failures++;
        }

        if (tests.Count == 0)
        {
            output.WriteLine("FAILED  no test ran");
            failures = Math.Max(failures, 1);
        }

        output.WriteLine($"{tests.Count - skipped.Count - failed.Count} passed, {failures} failed, {skipped.Count} skipped");
        return failures == 0 ? 0 : 1;
    }

    private static List<Test> Read(string file)
    {
        var run = XDocument.Load(file);
        var classes = run.Descendants(Trx + "UnitTest").ToDictionary(
            test => (string)test.Attribute("id")!, test => (string?)test.Element(Trx + "TestMethod")?.Attribute("className") ?? "", StringComparer.Ordinal);
        return [.. run.Descendants(Trx + "UnitTestResult").Select(result => ToTest(result, classes))];
    }

    private static Test ToTest(XElement result, Dictionary<string, string> classes) => new(
        (string?)result.Attribute("testName") ?? "a test without a name",
        classes.GetValueOrDefault((string?)result.Attribute("testId") ?? "", ""),
        (string?)result.Attribute("outcome"),
        TimeSpan.TryParse((string?)result.Attribute("duration"), CultureInfo.InvariantCulture, out var duration) ? duration : TimeSpan.Zero,
        (DateTimeOffset?)result.Attribute("startTime"),
        (DateTimeOffset?)result.Attribute("endTime"),
        (string?)result.Descendants(Trx + "Message").FirstOrDefault() ?? "no reason given");

    private static void PrintReasons(List<Test> tests, string word, TextWriter output)
    {
        foreach (var test in tests)
        {
            output.WriteLine($"{word}  {test.Name}: {test.Reason.Trim().Split('\n')[0]}");
        }
    }

    private static void PrintSlowest(List<Test> tests, TextWriter output)
    {
        if (tests.Count == 0)
        {
            return;
        }

        output.WriteLine("the slowest tests:");
        foreach (var test in tests.OrderByDescending(test => test.Duration).Take(Slowest))
        {
            output.WriteLine($"  {Seconds(test.Duration),8} s  {test.ShortClass}{(test.ShortClass.Length > 0 ? "." : "")}{test.Name}");
        }
    }

    private static void PrintParts(List<Test> tests, TextWriter output)
    {
        if (tests.Count == 0)
        {
            return;
        }

        output.WriteLine("the parts, from the first test's start to the last one's end, and all tests' times together:");
        foreach (var part in tests.GroupBy(test => test.Part, StringComparer.Ordinal).OrderBy(part => part.Key, StringComparer.Ordinal))
        {
            var lasted = part.Max(test => test.End) - part.Min(test => test.Start) ?? TimeSpan.Zero;
            var together = part.Aggregate(TimeSpan.Zero, (sum, test) => sum + test.Duration);
            output.WriteLine($"  {part.Key,-10} {part.Count(),6} tests  {Seconds(lasted),8} s  {Seconds(together),8} s");
        }
    }

    private static string Seconds(TimeSpan time) => time.TotalSeconds.ToString("0.0", CultureInfo.InvariantCulture);

    /// <summary>One result.</summary>
    private sealed record Test(
        string Name, string Class, string? Outcome, TimeSpan Duration, DateTimeOffset? Start, DateTimeOffset? End, string Reason)
    {
        private const string Root = "Vmm.Tests.";

        /// <summary>The class without the name that all have in common.</summary>
        internal string ShortClass => Class.StartsWith(Root, StringComparison.Ordinal) ? Class[Root.Length..] : Class;

        /// <summary>The folder of Vmm.Tests that it lies in.</summary>
        internal string Part => ShortClass.Contains('.', StringComparison.Ordinal) ? ShortClass.Split('.')[0] : "other";
    }
}

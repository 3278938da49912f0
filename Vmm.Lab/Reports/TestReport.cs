// What ./test prints when the tests have run, read from the TRX files that the runner left.
//
// For a reader the interesting lines stand last: skipped tests with their reasons, the slowest tests, the time of each part, unstable and
// failed tests, and the counts. Parts are the folders of Vmm.Tests, which are namespaces. Tests run side by side, so a part has two times: how
// long it lasted from its first test's start to its last test's end, and how long its tests took together.

using System.Globalization;

namespace Vmm.Lab.Reports;

/// <summary>Reads the results of a test run (TRX files) and reports them in the form that ./test ends with.</summary>
internal static class TestReport
{
    /// <summary>How many of the slowest tests are listed.</summary>
    internal const int Slowest = 10;

    /// <summary>Prints skipped tests, the slowest tests, the time of each part, unstable and failed tests, and the counts as the last line.</summary>
    /// <param name="status">
    /// The runner's exit status: 0, or 1 when tests failed. Any other, or a 1 without a failed test, is a failure of the run itself; so is a word
    /// that says what went wrong beside the tests.
    /// </param>
    /// <param name="files">The TRX files of the run.</param>
    /// <param name="reruns">The TRX files of the reruns of its failed tests (<see cref="TestRerun"/>), one each.</param>
    /// <param name="output">Where to.</param>
    /// <returns>0 if tests ran and none failed, else 1.</returns>
    internal static int Print(string status, IEnumerable<string> files, IReadOnlyList<string> reruns, TextWriter output)
    {
        var tests = files.SelectMany(TestResult.Read).ToList();
        var skipped = tests.Where(test => test.IsSkipped).ToList();
        var again = reruns.Select(TestResult.Read).ToList();
        var unstable = tests.Where(test => test.IsFailed && TestRerun.Passed(test, again)).ToList();
        var failed = tests.Where(test => test.IsFailed).Except(unstable).ToList();

        PrintReasons(skipped, "SKIPPED", output);
        PrintSlowest(tests, output);
        PrintParts(tests, output);
        PrintReasons(unstable, $"UNSTABLE (failed, then passed {reruns.Count} times)", output);
        PrintReasons(failed, "FAILED", output);
        int failures = failed.Count;
        if (status != "0" && (status != "1" || failures + unstable.Count == 0))
        {
            output.WriteLine($"FAILED  the test run itself: {status}");
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

    private static void PrintReasons(List<TestResult> tests, string word, TextWriter output)
    {
        foreach (var test in tests)
        {
            output.WriteLine($"{word}  {test.Name}: {test.FirstLine}");
        }
    }

    private static void PrintSlowest(List<TestResult> tests, TextWriter output)
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

    private static void PrintParts(List<TestResult> tests, TextWriter output)
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
}

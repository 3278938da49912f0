// Which failed tests are run once more, and what that proves.
//
// Among some thousand tests on a busy host one may fail by chance. Such a test is a defect, of the test or of the program, and is reported as
// unstable; but it says nothing against the change under test if it passes each time when it is run again. More than a few failures are no
// chance, and what the fault tests find (a guest lost once in a thousand updates) is never taken for one.

namespace Vmm.Lab.Reports;

/// <summary>The rerun of a few failed tests.</summary>
internal static class TestRerun
{
    /// <summary>More failed tests than this are not run again.</summary>
    internal const int Most = 3;

    /// <summary>So often a test must pass.</summary>
    internal const int Times = 3;

    private const string NeverAgain = "Faults";

    /// <summary>The runner's filter for the tests to run again.</summary>
    /// <param name="files">The TRX files of the run.</param>
    /// <returns>Empty when none are to be run again: none failed, too many did, one of the fault tests did, or the run broke off.</returns>
    internal static string Filter(IReadOnlyList<string> files)
    {
        var failed = files.SelectMany(TestResult.Read).Where(test => test.IsFailed).ToList();
        return failed.Count is 0 or > Most || !files.All(TestResult.IsComplete) || failed.Any(test => test.Part == NeverAgain)
            ? ""
            : string.Join('|', failed.Select(FilterOf).Distinct());
    }

    /// <summary>Whether a test passed in each of the reruns.</summary>
    /// <param name="test">A failed test.</param>
    /// <param name="reruns">The results of each.</param>
    internal static bool Passed(TestResult test, IReadOnlyList<List<TestResult>> reruns) => reruns.Count >= Times
        && reruns.All(results => results.Find(result => result.Test == test.Test) is { IsSkipped: false, IsFailed: false });

    /// <summary>All cases of the method: arguments have characters that mean something in a filter.</summary>
    private static string FilterOf(TestResult test) =>
        $"(FullyQualifiedName~{WithoutArguments(test.Class)}&FullyQualifiedName~.{WithoutArguments(test.Name)})";

    private static string WithoutArguments(string name) => name.Split('(')[0];
}

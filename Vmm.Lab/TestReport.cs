using System.Xml.Linq;

namespace Vmm.Lab;

/// <summary>Reads what a test run left behind (TRX files) and says it in the form that ./test ends with.</summary>
internal static class TestReport
{
    private static readonly XNamespace Trx = "http://microsoft.com/schemas/VisualStudio/TeamTest/2010";

    /// <summary>Prints the skipped tests with their reasons, the failed ones by name, and the counts as the last line.</summary>
    /// <param name="status">The runner's exit status; a runner that failed without a failed test counts as one failure.</param>
    /// <param name="files">The TRX files.</param>
    /// <returns>0 if tests ran and none failed, else 1.</returns>
    internal static int Print(int status, IEnumerable<string> files)
    {
        var results = files.SelectMany(file => XDocument.Load(file).Descendants(Trx + "UnitTestResult")).ToList();
        var passed = results.Count(result => Outcome(result) == "Passed");
        var skipped = results.Where(result => Outcome(result) is "NotExecuted" or "Inconclusive" or "Pending").ToList();
        var failed = results.Except(skipped).Where(result => Outcome(result) != "Passed").ToList();

        List(skipped, "SKIPPED");
        List(failed, "FAILED");
        var failures = failed.Count;
        if (status != 0 && failures == 0)
        {
            Console.WriteLine($"FAILED  the test run itself, with status {status}");
            failures++;
        }

        if (results.Count == 0)
        {
            Console.WriteLine("FAILED  no test ran");
            failures = Math.Max(failures, 1);
        }

        Console.WriteLine($"{passed} passed, {failures} failed, {skipped.Count} skipped");
        return failures == 0 ? 0 : 1;
    }

    private static string? Outcome(XElement result) => (string?)result.Attribute("outcome");

    private static void List(List<XElement> results, string word)
    {
        foreach (var result in results)
        {
            var reason = (string?)result.Descendants(Trx + "Message").FirstOrDefault() ?? "no reason given";
            Console.WriteLine($"{word}  {(string?)result.Attribute("testName")}: {reason.Trim().Split('\n')[0]}");
        }
    }
}

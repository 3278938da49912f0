using System.Globalization;
using Vmm.Lab.Reports;

namespace Vmm.Tests.Unit.Reports;

/// <summary>What ./test ends with, for a run of a few tests.</summary>
[Parallelizable(ParallelScope.All)]
[FixtureLifeCycle(LifeCycle.InstancePerTestCase)]
public sealed class TestReportTests
{
    private const int Lines = 100;

    private readonly StringWriter _output = new();
    private readonly List<string> _files = [];
    private readonly List<string> _reruns = [];

    [TearDown]
    public void RemoveFiles() => _files.Concat(_reruns).ToList().ForEach(File.Delete);

    [Test]
    public void The_last_line_is_the_counts()
    {
        int status = Report(0, new("A_passes"), new("B_passes"), new("C_is_skipped") { Outcome = "NotExecuted", Message = "no KVM" });

        Assert.That(Printed()[^1], Is.EqualTo("2 passed, 0 failed, 1 skipped"));
        Assert.That(status, Is.Zero);
    }

    [Test]
    public void A_failed_test_is_named_with_the_first_line_of_its_reason()
    {
        int status = Report(1, new("A_passes"), new("B_fails") { Outcome = "Failed", Message = "  wrong\nat line 3" });

        Assert.That(Printed()[^2], Is.EqualTo("FAILED  B_fails: wrong"));
        Assert.That(Printed()[^1], Is.EqualTo("1 passed, 1 failed, 0 skipped"));
        Assert.That(status, Is.EqualTo(1));
    }

    [Test]
    public void A_skipped_test_is_named_with_its_reason()
    {
        Report(0, new Result("A_is_skipped") { Outcome = "NotExecuted", Message = "no KVM" });
        Assert.That(Printed(), Has.Member("SKIPPED  A_is_skipped: no KVM"));
    }

    [Test]
    public void A_runner_that_fails_without_a_failed_test_is_a_failure()
    {
        int status = Report(134, new Result("A_passes"));

        Assert.That(Printed()[^2], Is.EqualTo("FAILED  the test run itself: 134"));
        Assert.That(Printed()[^1], Is.EqualTo("1 passed, 1 failed, 0 skipped"));
        Assert.That(status, Is.EqualTo(1));
    }

    [Test]
    public void A_run_without_a_test_is_a_failure()
    {
        int status = Report(0);

        Assert.That(Printed(), Is.EqualTo(new[] { "FAILED  no test ran", "0 passed, 1 failed, 0 skipped" }));
        Assert.That(status, Is.EqualTo(1));
    }

    [Test]
    public void The_ten_slowest_tests_are_listed_from_the_slowest_on()
    {
        Report(0, [.. Enumerable.Range(1, 12).Select(i => new Result($"Takes_{i}") { Seconds = i })]);

        string[] listed = [.. Printed().SkipWhile(line => line != "the slowest tests:").Skip(1).TakeWhile(line => line.StartsWith(' '))];
        Assert.That(listed, Has.Length.EqualTo(10));
        Assert.That(listed[0], Is.EqualTo("      12.0 s  Unit.Things.ThingTests.Takes_12"));
        Assert.That(listed[^1], Is.EqualTo("       3.0 s  Unit.Things.ThingTests.Takes_3"));
    }

    [Test]
    public void A_part_has_the_time_that_it_lasted_and_that_of_its_tests_together()
    {
        Report(
            0,
            new("A") { Start = 0, Seconds = 4 },
            new("B") { Start = 1, Seconds = 4 },
            new("C") { Class = "Vmm.Tests.Lab.LinuxTests", Start = 10, Seconds = 2.5 });

        string[] parts = [.. Printed().SkipWhile(line => !line.StartsWith("the parts", StringComparison.Ordinal)).Skip(1).TakeWhile(l => l.StartsWith(' '))];
        Assert.That(parts, Is.EqualTo(new[]
        {
            "  Lab             1 tests       2.5 s       2.5 s",
            "  Unit            2 tests       5.0 s       8.0 s",
        }));
    }

    [Test]
    public void The_results_of_several_files_are_one_report()
    {
        _files.Add(Trx(new Result("A_passes")));
        Report(0, new Result("B_passes"));
        Assert.That(Printed()[^1], Is.EqualTo("2 passed, 0 failed, 0 skipped"));
    }

    [Test]
    public void A_test_that_passes_each_time_when_run_again_is_unstable()
    {
        Rerun(3, new Result("A_fails"));
        int status = Report(1, new("A_fails") { Outcome = "Failed", Message = "too late" }, new("B_passes"));

        Assert.That(Printed()[^2], Is.EqualTo("UNSTABLE (failed, then passed 3 times)  A_fails: too late"));
        Assert.That(Printed()[^1], Is.EqualTo("2 passed, 0 failed, 0 skipped"));
        Assert.That(status, Is.Zero);
    }

    [TestCase("Passed", Description = "not often enough")]
    [TestCase("Passed", "Passed", "Failed")]
    [TestCase("Passed", "Passed", "NotExecuted")]
    public void A_test_that_does_not_pass_each_time_when_run_again_has_failed(params string[] outcomes)
    {
        foreach (string outcome in outcomes)
        {
            Rerun(1, new Result("A_fails") { Outcome = outcome });
        }

        int status = Report(1, new Result("A_fails") { Outcome = "Failed", Message = "wrong" });

        Assert.That(Printed()[^2], Is.EqualTo("FAILED  A_fails: wrong"));
        Assert.That(status, Is.EqualTo(1));
    }

    [Test]
    public void A_few_failed_tests_are_run_again()
    {
        var failed = new Result("A_fails(1)") { Class = "Vmm.Tests.Lab.LinuxTests(2)", Outcome = "Failed" };
        Assert.That(Again(failed, new("B_passes")), Is.EqualTo("(FullyQualifiedName~Vmm.Tests.Lab.LinuxTests&FullyQualifiedName~.A_fails)"));
    }

    [Test]
    public void Many_failed_tests_or_a_fault_test_are_not_run_again()
    {
        Assert.That(Again([.. "ABCD".Select(name => new Result($"{name}_fails") { Outcome = "Failed" })]), Is.Empty);
        Assert.That(Again(new Result("A_fails") { Class = "Vmm.Tests.Faults.FaultTests", Outcome = "Failed" }), Is.Empty);
        Assert.That(Again(new Result("A_passes")), Is.Empty);
    }

    private string Again(params Result[] results)
    {
        string file = Trx(results);
        _files.Add(file);
        return TestRerun.Filter([file]);
    }

    private void Rerun(int times, Result result) => _reruns.AddRange(Enumerable.Range(0, times).Select(_ => Trx(result)));

    private int Report(int status, params Result[] results)
    {
        if (results.Length > 0)
        {
            _files.Add(Trx(results));
        }

        return TestReport.Print(status.ToString(CultureInfo.InvariantCulture), _files, _reruns, _output);
    }

    private string[] Printed() => _output.ToString().TrimEnd().Split(Environment.NewLine, Lines);

    /// <summary>A file as the runner writes it, with what the report reads of it.</summary>
    private static string Trx(params Result[] results)
    {
        string path = Path.GetTempFileName();
        File.WriteAllText(path, $"""
            <?xml version="1.0" encoding="utf-8"?>
            <TestRun xmlns="http://microsoft.com/schemas/VisualStudio/TeamTest/2010">
              <Results>{string.Concat(results.Select(result => result.ToResult()))}</Results>
              <TestDefinitions>{string.Concat(results.Select(result => result.ToDefinition()))}</TestDefinitions>
            </TestRun>
            """);
        return path;
    }

    private sealed record Result(string Name)
    {
        private static readonly DateTimeOffset Beginning = new(2026, 1, 1, 0, 0, 0, TimeSpan.Zero);

        internal string Class { get; init; } = "Vmm.Tests.Unit.Things.ThingTests";

        internal string Outcome { get; init; } = "Passed";

        internal double Start { get; init; }

        internal double Seconds { get; init; } = 0.1;

        internal string Message { get; init; } = "";

        internal string ToResult() => $"""
            <UnitTestResult testId="{Name}" testName="{Name}" outcome="{Outcome}" duration="{TimeSpan.FromSeconds(Seconds)}"
                startTime="{Beginning.AddSeconds(Start):o}" endTime="{Beginning.AddSeconds(Start + Seconds):o}">
              <Output><ErrorInfo><Message>{Message}</Message></ErrorInfo></Output>
            </UnitTestResult>
            """;

        internal string ToDefinition() => $"""
            <UnitTest name="{Name}" id="{Name}"><TestMethod className="{Class}" name="{Name}" /></UnitTest>
            """;
    }
}

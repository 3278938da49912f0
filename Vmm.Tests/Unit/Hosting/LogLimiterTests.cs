using System.Text.RegularExpressions;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;
using Vmm.Hosting;

namespace Vmm.Tests.Unit.Hosting;

/// <summary>What a guest or a client can repeat.</summary>
[Parallelizable(ParallelScope.All)]
public sealed partial class LogLimiterTests
{
    private static readonly LogKind TripleFault = new(NullLogger.Instance, LogLevel.Warning, 1, "LogTripleFault");
    private static readonly LogKind Other = TripleFault with { Id = 2, Name = "LogStayed" };

    [Test]
    [Promise(48)]
    public void A_message_that_comes_all_day_is_some_thousand_lines_and_every_one_is_counted()
    {
        const int PerSecond = 20;
        var time = new ManualTime();
        var limiter = new LogLimiter(time);
        int logged = 0;
        var counts = new List<string>();

        for (int second = 0; second < 86_400; second++)
        {
            for (int i = 0; i < PerSecond; i++)
            {
                logged += TryLog(limiter, TripleFault) ? 1 : 0;
            }

            counts.AddRange(limiter.TakeCounts());
            time.Pass(TimeSpan.FromSeconds(1));
        }

        counts.AddRange(limiter.TakeCounts(all: true));
        Assert.That(logged, Is.InRange(8640, 8660));
        Assert.That(counts, Has.Count.InRange(7000, 8660));
        Assert.That(counts, Has.All.EndsWith("similar messages were suppressed: vCPU 0 shut down"));
        Assert.That(logged + counts.Sum(CountIn), Is.EqualTo(86_400L * PerSecond));
    }

    [Test]
    [Promise(48)]
    public void One_kind_of_message_keeps_no_other_from_being_reported()
    {
        var limiter = new LogLimiter(new ManualTime());
        for (int i = 0; i < 1000; i++)
        {
            TryLog(limiter, TripleFault);
        }

        Assert.That(TryLog(limiter, Other), Is.True);
        Assert.That(TryLog(limiter, TripleFault), Is.False);
    }

    [Test]
    public void After_some_rest_a_burst_is_reported_again_and_no_more_than_that()
    {
        var time = new ManualTime();
        var limiter = new LogLimiter(time);
        int first = Enumerable.Range(0, 100).Count(_ => TryLog(limiter, TripleFault));
        time.Pass(TimeSpan.FromDays(1));

        int second = Enumerable.Range(0, 100).Count(_ => TryLog(limiter, TripleFault));

        Assert.That((first, second), Is.EqualTo((LogLimiter.Burst, LogLimiter.Burst)));
    }

    [Test]
    public void What_is_suppressed_allocates_nothing()
    {
        var limiter = new LogLimiter(TimeProvider.System);
        while (TryLog(limiter, TripleFault))
        {
        }

        limiter.Admits(TripleFault, out _);
        long before = GC.GetAllocatedBytesForCurrentThread();
        for (int i = 0; i < 1000; i++)
        {
            limiter.Admits(TripleFault, out _);
        }

        Assert.That(GC.GetAllocatedBytesForCurrentThread() - before, Is.Zero);
    }

    private static bool TryLog(LogLimiter limiter, LogKind kind)
    {
        bool admitted = limiter.Admits(kind, out _);
        if (admitted)
        {
            limiter.NoteText(kind, "vCPU 0 shut down");
        }

        return admitted;
    }

    private static long CountIn(string line) =>
        long.Parse(Number().Match(line).Value, System.Globalization.CultureInfo.InvariantCulture);

    [GeneratedRegex(@"\d+")]
    private static partial Regex Number();
}

using System.Text;
using Vmm.Hosting;

namespace Vmm.Tests.Unit.Hosting;

/// <summary>Lines that wait for a writer that does not come.</summary>
[Parallelizable(ParallelScope.All)]
public sealed class LogQueueTests
{
    [TestCase(10, LogQueue.MostLines)]
    [TestCase(4000, LogQueue.MostBytes / 4000)]
    [Promise(48)]
    public void It_takes_no_more_than_its_bounds_and_the_rest_is_counted(int length, int most)
    {
        const int Added = 10_000;
        var queue = new LogQueue();
        for (int i = 0; i < Added; i++)
        {
            queue.Add(Encoding.ASCII.GetBytes($"{i}".PadRight(length - 1) + "\n"));
        }

        queue.Close();
        var lines = TakeAll(queue);

        Assert.That(lines, Has.Count.AtMost(most).And.Count.GreaterThan(most / 2));
        Assert.That(lines.SkipLast(1).Select(line => line.Trim()), Is.EqualTo(Enumerable.Range(0, lines.Count - 1).Select(i => $"{i}")));
        Assert.That(lines[^1], Is.EqualTo(
            $"vmm: warning: {Added - (lines.Count - 1)} messages were dropped: the log was not taken as fast as they came"));
    }

    [Test]
    [Promise(48)]
    public void What_was_dropped_is_reported_where_it_is_missing()
    {
        var queue = new LogQueue();
        for (int i = 0; i < LogQueue.MostLines * 2; i++)
        {
            queue.Add("early\n"u8.ToArray());
        }

        byte[] buffer = new byte[LogText.MostBytes];
        queue.Take(buffer, TimeSpan.Zero);
        queue.Add("late\n"u8.ToArray());
        queue.Close();

        Assert.That(TakeAll(queue)[^2..], Is.EqualTo(new[]
        {
            $"vmm: warning: {LogQueue.MostLines + 1} messages were dropped: the log was not taken as fast as they came", "late",
        }));
    }

    private static List<string> TakeAll(LogQueue queue)
    {
        byte[] buffer = new byte[LogText.MostBytes];
        var all = new StringBuilder();
        while (queue.Take(buffer, Timeout.InfiniteTimeSpan) is { } count)
        {
            all.Append(Encoding.ASCII.GetString(buffer, 0, count));
        }

        return [.. all.ToString().Split('\n')[..^1]];
    }
}

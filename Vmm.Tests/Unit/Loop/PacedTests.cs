using System.Diagnostics;
using System.Globalization;
using Vmm.Core.Loop;

namespace Vmm.Tests.Unit.Loop;

/// <summary>Between the parts of long work the thread sleeps, which the kernel counts. Each test has a thread of its own.</summary>
[Parallelizable(ParallelScope.All)]
public sealed class PacedTests
{
    private const int Parts = 20;

    private static readonly TimeSpan LongerThanASlice = TimeSpan.FromMicroseconds(200);

    /// <summary>How often the calling thread gave its processor away by itself.</summary>
    private static int Sleeps => int.Parse(
        File.ReadLines("/proc/thread-self/status").Single(line => line.StartsWith("voluntary_ctxt_switches:", StringComparison.Ordinal)).Split('\t')[1],
        CultureInfo.InvariantCulture);

    [Test]
    public void After_each_part_that_uses_up_a_slice_the_thread_sleeps() => OwnThread.Run(() =>
    {
        int before = Sleeps;

        Paced.Run([.. Enumerable.Repeat<Action>(Work, Parts)]);

        Assert.That(Sleeps - before, Is.GreaterThanOrEqualTo(Parts));
    });

    [Test]
    public void Parts_that_wait_are_done_one_after_the_other() => OwnThread.Run(() =>
    {
        var done = new List<int>();
        var first = new TaskCompletionSource();

        var all = Paced.RunAsync(
            async () =>
            {
                await first.Task;
                done.Add(1);
            },
            () =>
            {
                done.Add(2);
                return Task.CompletedTask;
            });
        Assert.That(done, Is.Empty);
        first.SetResult();

        Assert.That(all.IsCompletedSuccessfully, Is.True);
        Assert.That(done, Is.EqualTo(new[] { 1, 2 }));
    });

    [Test]
    public void Short_parts_share_a_slice() => OwnThread.Run(() =>
    {
        const int Many = 10_000;
        int before = Sleeps;

        int sum = Paced.Each(Enumerable.Range(1, Many)).Sum();

        Assert.That(sum, Is.EqualTo(Many * (Many + 1) / 2));
        Assert.That(Sleeps - before, Is.LessThan(Many / 10));
    });

    [Test]
    public void A_thread_that_a_guest_waits_for_does_not_sleep() => OwnThread.Run(() =>
    {
        ThreadScheduling.BeginBoost();
        int before = Sleeps;

        Paced.Run([.. Enumerable.Repeat<Action>(Work, Parts)]);
        int slept = Sleeps - before;
        ThreadScheduling.EndBoost();

        Assert.That(slept, Is.LessThan(Parts));
    });

    [Test]
    public void A_part_that_throws_is_the_last()
    {
        bool isContinued = false;

        Assert.That(() => Paced.Run(() => throw new IOException("no"), () => isContinued = true), Throws.TypeOf<IOException>());
        Assert.That(isContinued, Is.False);
    }

    private static void Work()
    {
        long began = Stopwatch.GetTimestamp();
        while (Stopwatch.GetElapsedTime(began) < LongerThanASlice)
        {
            Thread.SpinWait(10);
        }
    }
}

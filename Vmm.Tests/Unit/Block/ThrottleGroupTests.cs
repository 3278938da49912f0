using Vmm.Core.Backends.Block;
using Vmm.Tests.Unit.Devices;

namespace Vmm.Tests.Unit.Block;

/// <summary>Limits of disks, by a clock that the test turns.</summary>
[Parallelizable(ParallelScope.All)]
public sealed class ThrottleGroupTests
{
    private const long Second = 1_000_000_000;

    [Test]
    public void Without_limits_nothing_waits()
    {
        var group = new ThrottleGroup(new ThrottleGroupConfiguration("g"));

        Assert.That(group.IsLimiting, Is.False);
        Assert.That(Enumerable.Range(0, 1000).Select(_ => group.DelayNanoseconds(isWrite: true, 1 << 20, 0)), Is.All.Zero);
    }

    [TestCase(10, 1000)]
    [TestCase(4096, 1000)]
    [TestCase(4096, 100_000_000)]
    public void Bytes_pass_at_the_average_rate(long size, long rate)
    {
        var group = new ThrottleGroup(new ThrottleGroupConfiguration("g") { TotalBytes = new ThrottleLimit((ulong)rate) });

        long passed = Passed(group, 60 * Second, size, isWrite: false);

        // A tenth of a second fits the bucket, and the request that fills it is beyond it.
        Assert.That(passed * size, Is.InRange(60 * rate, (60.1 * rate) + (2 * size)));
    }

    [Test]
    public void The_delay_is_exactly_what_the_limit_leaves()
    {
        var group = new ThrottleGroup(new ThrottleGroupConfiguration("g") { WriteRequests = new ThrottleLimit(10) });

        var delays = Enumerable.Range(0, 5).Select(_ => group.DelayNanoseconds(isWrite: true, 512, 0)).ToArray();

        Assert.That(delays, Is.EqualTo(new long[] { 0, 0, Second / 10, 2 * Second / 10, 3 * Second / 10 }), "one fits, and each of the others comes a tenth of a second later");
        Assert.That(group.DelayNanoseconds(isWrite: true, 512, 4 * Second / 10), Is.Zero, "what was told to wait has gone by now");
    }

    [Test]
    public void Time_with_nothing_to_do_saves_up_no_more_than_the_bucket()
    {
        var group = new ThrottleGroup(new ThrottleGroupConfiguration("g") { ReadBytes = new ThrottleLimit(1000) });
        _ = group.DelayNanoseconds(isWrite: false, 500, 0);

        Assert.That(Enumerable.Range(0, 4).Select(_ => group.DelayNanoseconds(isWrite: false, 100, 3600 * Second)), Is.EqualTo(new long[] { 0, 0, Second / 10, Second / 5 }));
    }

    [Test]
    public void A_burst_lasts_as_long_as_it_may_and_then_the_average_holds()
    {
        const long Average = 1000;
        const long Burst = 10_000;
        var group = new ThrottleGroup(new ThrottleGroupConfiguration("g") { TotalRequests = new ThrottleLimit(Average, Burst, 5) });

        long inBurst = Passed(group, 5 * Second, 1, isWrite: false);
        long after = Passed(group, 60 * Second, 1, isWrite: false, start: 5 * Second);

        // The burst's bucket holds 5 seconds of it and leaks at the average meanwhile.
        Assert.That(inBurst, Is.InRange((long)(Burst * 4.9), (long)(Burst * 5.2)));
        Assert.That(after, Is.InRange(Average * 59, (Average * 60) + (Average * 6)));
    }

    [Test]
    public void A_burst_of_a_second_is_a_bucket_of_that_size()
    {
        var group = new ThrottleGroup(new ThrottleGroupConfiguration("g") { TotalBytes = new ThrottleLimit(100, 1000) });

        var delays = Enumerable.Range(0, 13).Select(_ => group.DelayNanoseconds(isWrite: false, 100, 0)).ToArray();

        Assert.That(delays[..11], Is.All.Zero);
        Assert.That(delays[11..], Is.EqualTo(new[] { Second, 2 * Second }));
    }

    [Test]
    public void A_large_request_counts_as_many_as_its_size_says()
    {
        var group = new ThrottleGroup(new ThrottleGroupConfiguration("g") { TotalRequests = new ThrottleLimit(10), RequestSize = 1024 });
        _ = group.DelayNanoseconds(isWrite: false, 10 * 1024, 0);

        Assert.That(group.DelayNanoseconds(isWrite: false, 100, 0), Is.EqualTo(9 * Second / 10), "ten requests, of which one fits");
        Assert.That(group.DelayNanoseconds(isWrite: false, 100, 0), Is.EqualTo(Second), "a small one is one");
    }

    [Test]
    public void Reads_and_writes_have_limits_of_their_own_and_one_together()
    {
        var apart = new ThrottleGroup(new ThrottleGroupConfiguration("g") { WriteBytes = new ThrottleLimit(100) });
        var together = new ThrottleGroup(new ThrottleGroupConfiguration("g") { TotalBytes = new ThrottleLimit(100) });
        _ = apart.DelayNanoseconds(isWrite: true, 110, 0);
        _ = together.DelayNanoseconds(isWrite: true, 110, 0);

        Assert.That(apart.DelayNanoseconds(isWrite: true, 1, 0), Is.EqualTo(Second));
        Assert.That(apart.DelayNanoseconds(isWrite: false, 1000, 0), Is.Zero);
        Assert.That(together.DelayNanoseconds(isWrite: false, 1, 0), Is.EqualTo(Second));
    }

    [Test]
    public void The_strictest_limit_counts()
    {
        var group = new ThrottleGroup(new ThrottleGroupConfiguration("g") { TotalBytes = new ThrottleLimit(1_000_000), ReadRequests = new ThrottleLimit(10) });

        Assert.That(Passed(group, 10 * Second, 512, isWrite: false), Is.InRange(100, 103));
        Assert.That(Passed(group, 10 * Second, 100_000, isWrite: true, start: 10 * Second), Is.InRange(100, 104));
    }

    [Test]
    public void Disks_of_a_group_take_turns_whatever_they_have_waiting()
    {
        var group = new ThrottleGroup(new ThrottleGroupConfiguration("g") { TotalRequests = new ThrottleLimit(1000) });
        long[] next = new long[3];
        int[] passed = new int[3];

        // Each disk asks for its next request when the last has gone: the first to go asks first.
        while (next.Min() < 10 * Second)
        {
            int disk = Array.IndexOf(next, next.Min());
            next[disk] += group.DelayNanoseconds(isWrite: disk == 1, 512, next[disk]);
            passed[disk]++;
        }

        Assert.That(passed.Sum(), Is.InRange(10_000, 10_110));
        Assert.That(passed.Max() - passed.Min(), Is.LessThan(110), "what fits the bucket at the start goes to who asks first");
    }

    [Test]
    public void A_clock_that_was_read_earlier_by_another_thread_does_no_harm()
    {
        var group = new ThrottleGroup(new ThrottleGroupConfiguration("g") { TotalBytes = new ThrottleLimit(100) });
        _ = group.DelayNanoseconds(isWrite: false, 110, Second);

        Assert.That(group.DelayNanoseconds(isWrite: false, 100, 0), Is.EqualTo(Second));
        Assert.That(group.DelayNanoseconds(isWrite: false, 100, Second), Is.EqualTo(2 * Second));
        Assert.That(group.DelayNanoseconds(isWrite: false, 100, 2 * Second), Is.EqualTo(2 * Second));
    }

    [Test]
    public void No_request_is_lost_to_the_account_of_two_threads()
    {
        const int Each = 20_000;
        var group = new ThrottleGroup(new ThrottleGroupConfiguration("g") { TotalRequests = new ThrottleLimit(10) });

        Parallel.For(0, 2 * Each, _ => group.DelayNanoseconds(isWrite: false, 512, 0));

        Assert.That(group.DelayNanoseconds(isWrite: false, 512, 0), Is.EqualTo((2 * Each - 1) * (Second / 10)));
    }

    [Test]
    public void The_greatest_limits_and_requests_have_a_delay()
    {
        var group = new ThrottleGroup(new ThrottleGroupConfiguration("g") { TotalBytes = new ThrottleLimit(1), WriteBytes = new ThrottleLimit(ThrottleRules.Greatest) });
        _ = group.DelayNanoseconds(isWrite: true, long.MaxValue, 0);

        Assert.That(group.DelayNanoseconds(isWrite: true, long.MaxValue, long.MaxValue), Is.EqualTo(long.MaxValue));
    }

    [Test]
    public void Nothing_is_allocated()
    {
        var group = new ThrottleGroup(new ThrottleGroupConfiguration("g") { TotalBytes = new ThrottleLimit(1000, 2000, 5), WriteRequests = new ThrottleLimit(100) });
        long now = 0;

        Assert.That(Allocation.Of(() => now += group.DelayNanoseconds(isWrite: true, 512, now)), Is.Zero);
    }

    /// <summary>How many requests go until an end, if the next one comes as soon as one has gone.</summary>
    private static long Passed(ThrottleGroup group, long duration, long size, bool isWrite, long start = 0)
    {
        long passed = 0;
        for (long now = start; ; passed++)
        {
            now += group.DelayNanoseconds(isWrite, size, now);
            if (now >= start + duration)
            {
                return passed;
            }
        }
    }
}

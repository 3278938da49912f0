using System.Collections.Concurrent;
using System.Diagnostics;
using Vmm.Core.Loop;
using Vmm.Core.Native;

namespace Vmm.Tests.Unit.Loop;

[Parallelizable(ParallelScope.All)]
[FixtureLifeCycle(LifeCycle.InstancePerTestCase)]
public sealed class IoThreadTimerTests : IDisposable
{
    private static readonly TimeSpan Timeout = TimeSpan.FromSeconds(30);

    private readonly IoThread _thread = new("io under test");
    private readonly BlockingCollection<long> _calls = [];

    public void Dispose()
    {
        _thread.Dispose();
        _calls.Dispose();
    }

    [TestCase(0)]
    [TestCase(1)]
    [TestCase(50)]
    [TestCase(1_100)]
    public void A_timer_calls_back_on_the_thread_and_never_too_early(int milliseconds)
    {
        using var timer = _thread.CreateTimer(() => _calls.Add(_thread.IsCurrent ? Stopwatch.GetTimestamp() : 0));
        var delay = TimeSpan.FromMilliseconds(milliseconds);

        long start = Stopwatch.GetTimestamp();
        timer.Arm(delay);

        Assert.That(Stopwatch.GetElapsedTime(start, Next()), Is.GreaterThanOrEqualTo(delay));
    }

    [Test]
    public void A_timer_calls_back_once_for_each_time_that_it_is_armed()
    {
        using var timer = _thread.CreateTimer(() => _calls.Add(0));
        for (int i = 0; i < 100; i++)
        {
            timer.Arm(TimeSpan.FromMicroseconds(10));
            Next();
        }

        _thread.Turn();
        Assert.That(_calls, Is.Empty);
    }

    [Test]
    public void Arming_again_replaces_the_earlier_request()
    {
        using var timer = _thread.CreateTimer(() => _calls.Add(Stopwatch.GetTimestamp()));
        var delay = TimeSpan.FromMilliseconds(100);
        timer.Arm(TimeSpan.FromHours(1));
        timer.Arm(TimeSpan.FromMilliseconds(1));
        Next();

        timer.Arm(TimeSpan.FromMilliseconds(1));
        long start = Stopwatch.GetTimestamp();
        timer.Arm(delay);

        // The first may have elapsed before the second was armed.
        long call = Next();
        call = call < start ? Next() : call;
        Assert.That(Stopwatch.GetElapsedTime(start, call), Is.GreaterThanOrEqualTo(delay));
    }

    [Test]
    public void A_timer_that_was_disarmed_does_not_call_back()
    {
        using var timer = _thread.CreateTimer(() => _calls.Add(0));
        using var later = _thread.CreateTimer(() => _calls.Add(1));
        timer.Arm(TimeSpan.FromMilliseconds(10));
        timer.Disarm();
        while (_calls.TryTake(out _))
        {
        }

        later.Arm(TimeSpan.FromMilliseconds(50));

        Assert.That(Next(), Is.EqualTo(1));
    }

    [Test]
    public void A_timer_that_has_elapsed_unseen_and_is_disarmed_does_not_call_back()
    {
        using var timer = _thread.CreateTimer(() => _calls.Add(0));
        using var eventFd = EventFd.Create();
        using var entered = new ManualResetEventSlim();
        using var release = new ManualResetEventSlim();
        using var busy = _thread.Add(eventFd, () =>
        {
            entered.Set();
            release.Wait();
        });
        busy.Start();
        Assert.That(entered.Wait(Timeout));

        timer.Arm(TimeSpan.Zero);
        timer.Disarm();
        release.Set();
        _thread.Turn();

        Assert.That(_calls, Is.Empty);
    }

    [Test]
    public void An_exception_of_a_timers_callback_is_reported_and_the_timer_works_again()
    {
        using var defects = new BlockingCollection<Exception>();
        _thread.UnhandledException = defects.Add;
        using var timer = _thread.CreateTimer(() => throw new InvalidOperationException("a defect"));

        for (int i = 0; i < 2; i++)
        {
            timer.Arm(TimeSpan.Zero);
            Assert.That(defects.TryTake(out var defect, Timeout));
            Assert.That(defect!.Message, Is.EqualTo("a defect"));
        }
    }

    [Test]
    public void A_time_that_never_comes_is_none_too_long_and_a_negative_one_is_refused()
    {
        using var timer = _thread.CreateTimer(() => _calls.Add(0));
        timer.Arm(TimeSpan.MaxValue);
        _thread.Turn();

        Assert.That(_calls, Is.Empty);
        Assert.That(() => timer.Arm(TimeSpan.FromTicks(-1)), Throws.TypeOf<ArgumentOutOfRangeException>());
    }

    private long Next()
    {
        Assert.That(_calls.TryTake(out long call, Timeout), "nothing was called back");
        return call;
    }
}

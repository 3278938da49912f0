using System.Collections.Concurrent;
using System.Globalization;
using Vmm.Core.Loop;
using Vmm.Core.Native;
using Vmm.Tests.Unit.Devices;

namespace Vmm.Tests.Unit.Loop;

[Parallelizable(ParallelScope.All)]
[FixtureLifeCycle(LifeCycle.InstancePerTestCase)]
[TestFixture(0L)]
[TestFixture(200_000L)]
public sealed class IoThreadTests(long pollNanoseconds) : IDisposable
{
    private static readonly TimeSpan Timeout = TimeSpan.FromSeconds(30);

    private readonly IoThread _thread = new("io under test", pollNanoseconds);

    public void Dispose() => _thread.Dispose();

    [Test]
    public void A_signal_calls_back_on_the_thread()
    {
        using var eventFd = EventFd.Create();
        using var called = new BlockingCollection<bool>();
        using var source = _thread.Add(eventFd, () => called.Add(_thread.IsCurrent));
        source.Start();
        Assert.That(Next(called), Is.True);

        EventFd.Signal(eventFd);

        Assert.That(Next(called), Is.True);
        Assert.That(_thread.IsCurrent, Is.False);
    }

    [Test]
    public void An_eventfd_was_read_when_its_source_is_called_back()
    {
        using var eventFd = EventFd.Create();
        using var ready = new BlockingCollection<FdEvents>();
        using var source = _thread.Add(eventFd, () => ready.Add(FileDescriptor.PollNow(eventFd, FdEvents.In)));
        source.Start();
        Next(ready);

        EventFd.Signal(eventFd);

        Assert.That(Next(ready), Is.EqualTo(FdEvents.None));
    }

    [Test]
    public void Start_calls_back_once_though_nothing_came()
    {
        using var eventFd = EventFd.Create();
        using var called = new BlockingCollection<int>();
        using var source = _thread.Add(eventFd, () => called.Add(0));

        source.Start();
        Next(called);
        _thread.Turn();

        Assert.That(called, Is.Empty);
    }

    [Test]
    public void A_trigger_calls_a_started_source_back_and_no_stopped_one()
    {
        using var eventFd = EventFd.Create();
        using var called = new BlockingCollection<int>();
        using var source = _thread.Add(eventFd, () => called.Add(0));
        source.Trigger();
        _thread.Turn();
        Assert.That(called, Is.Empty, "it was never started");
        source.Start();
        Next(called);

        source.Trigger();

        Next(called);
        source.Stop();
        source.Trigger();
        _thread.Turn();
        Assert.That(called, Is.Empty, "it was stopped");
    }

    [Test]
    public void A_trigger_on_the_thread_itself_needs_nothing_of_the_host()
    {
        const uint Write = 1;
        const uint IoError = 5;
        using var eventFd = EventFd.Create();
        using var called = new BlockingCollection<int>();
        IIoSource? source = null;
        int calls = 0;
        using (source = _thread.Add(eventFd, Called))
        {
            source.Start();

            Next(called);
            Next(called);
        }

        void Called()
        {
            if (calls++ == 0)
            {
                SeccompFilter.Refuse(Write, IoError);
                source!.Trigger();
            }

            called.Add(calls);
        }
    }

    [Test]
    public void A_stopped_source_is_not_called_back_and_Start_finds_what_came()
    {
        using var eventFd = EventFd.Create();
        using var called = new BlockingCollection<int>();
        using var source = _thread.Add(eventFd, () => called.Add(0));
        EventFd.Signal(eventFd);
        _thread.Turn();
        Assert.That(called, Is.Empty, "it was never started");
        source.Start();
        Next(called);
        source.Stop();

        EventFd.Signal(eventFd);
        _thread.Turn();
        Assert.That(called, Is.Empty, "it was stopped");

        source.Start();
        Next(called);
    }

    [Test]
    public void A_stopped_source_with_a_signal_leaves_the_thread_asleep()
    {
        using var eventFd = EventFd.Create();
        using var source = _thread.Add(eventFd, () => { });
        using var otherFd = EventFd.Create();
        using var threadIds = new BlockingCollection<int>();
        using var other = _thread.Add(otherFd, () => threadIds.Add(OsThread.CurrentId));
        other.Start();
        int threadId = Next(threadIds);
        using var later = new ManualResetEventSlim();
        using var timer = _thread.CreateTimer(later.Set);
        var before = ProcessorTime(threadId);

        EventFd.Signal(eventFd);
        timer.Arm(TimeSpan.FromMilliseconds(300));
        Assert.That(later.Wait(Timeout));

        Assert.That(ProcessorTime(threadId) - before, Is.LessThan(TimeSpan.FromMilliseconds(100)), "it goes round and round");
    }

    [Test]
    public void Every_one_of_many_sources_is_called_back()
    {
        const int Count = 300;
        using var called = new BlockingCollection<int>();
        var eventFds = Enumerable.Range(0, Count).Select(_ => EventFd.Create()).ToArray();
        var sources = eventFds.Select((eventFd, i) => _thread.Add(eventFd, () => called.Add(i))).ToArray();
        Array.ForEach(sources, source => source.Start());
        Assert.That(Enumerable.Range(0, Count).Select(_ => Next(called)), Is.EquivalentTo(Enumerable.Range(0, Count)));

        Array.ForEach(eventFds, EventFd.Signal);

        Assert.That(Enumerable.Range(0, Count).Select(_ => Next(called)), Is.EquivalentTo(Enumerable.Range(0, Count)));
        Array.ForEach(sources, source => source.Dispose());
        Array.ForEach(eventFds, eventFd => eventFd.Dispose());
    }

    [Test]
    public void What_takes_the_place_of_a_disposed_source_gets_its_own_signals()
    {
        using var called = new BlockingCollection<int>();
        for (int i = 0; i < 100; i++)
        {
            using var eventFd = EventFd.Create();
            using var source = _thread.Add(eventFd, () => called.Add(i));
            source.Start();
            Assert.That(Next(called), Is.EqualTo(i));
            EventFd.Signal(eventFd);
            Assert.That(Next(called), Is.EqualTo(i));
        }
    }

    [Test]
    public void An_exception_of_a_callback_is_reported_and_stops_its_source_alone()
    {
        using var defects = new BlockingCollection<Exception>();
        _thread.UnhandledException = defects.Add;
        using var badFd = EventFd.Create();
        using var goodFd = EventFd.Create();
        using var called = new BlockingCollection<int>();
        using var bad = _thread.Add(badFd, () => throw new InvalidOperationException("a defect"));
        using var good = _thread.Add(goodFd, () => called.Add(0));
        good.Start();
        Next(called);

        bad.Start();
        Assert.That(Next(defects).Message, Is.EqualTo("a defect"));
        EventFd.Signal(badFd);
        EventFd.Signal(goodFd);
        Next(called);
        _thread.Turn();
        Assert.That(defects, Is.Empty, "the source is stopped");

        bad.Start();
        Assert.That(Next(defects).Message, Is.EqualTo("a defect"));
    }

    [Test]
    public void An_eventfd_that_the_host_refuses_to_watch_is_served_all_the_same()
    {
        // A descriptor is refused that is watched already.
        using var eventFd = EventFd.Create();
        using var refusals = new BlockingCollection<Exception>();
        _thread.HostRefused = refusals.Add;
        using var called = new BlockingCollection<int>();
        var granted = _thread.Add(eventFd, () => { });
        using var refused = _thread.Add(eventFd, () => called.Add(0));
        Assert.That(Next(refusals).Message, Does.StartWith("epoll"));
        refused.Start();
        Next(called);
        for (int i = 0; i < 3; i++)
        {
            EventFd.Signal(eventFd);
            Next(called);
        }

        granted.Dispose();
        for (int i = 0; i < 3; i++)
        {
            EventFd.Signal(eventFd);
            Next(called);
        }

        Assert.That(refusals, Is.Empty, "it is reported once");
    }

    [Test]
    public void A_descriptor_that_could_block_the_thread_or_is_always_ready_is_refused()
    {
        using var blocking = Memfd.Create("a blocking file", 4096);
        using var file = Memfd.Create("a regular file", 4096);
        FileDescriptor.MakePrivate(file);

        Assert.That(() => _thread.Add(blocking, () => { }), Throws.ArgumentException);
        Assert.That(() => _thread.Add(file, () => { }), Throws.ArgumentException);
    }

    [Test]
    public void Events_and_timers_allocate_nothing()
    {
        const int Warm = 2_000;
        const int Events = 20_000;
        using var eventFd = EventFd.Create();
        using var done = new ManualResetEventSlim();
        IIoTimer? timer = null;
        int seen = 0;
        long atStart = 0;
        long allocated = -1;
        using var source = _thread.Add(eventFd, () =>
        {
            seen++;
            if (seen == Warm)
            {
                atStart = GC.GetAllocatedBytesForCurrentThread();
            }
            else if (seen == Warm + Events)
            {
                allocated = GC.GetAllocatedBytesForCurrentThread() - atStart;
                done.Set();
                return;
            }

            timer!.Arm(TimeSpan.Zero);
        });
        using var armed = timer = _thread.CreateTimer(() => EventFd.Signal(eventFd));

        source.Start();

        Assert.That(done.Wait(Timeout));
        Assert.That(allocated, Is.Zero);
    }

    [Test]
    public void Starting_and_stopping_a_source_and_setting_a_timer_allocate_nothing()
    {
        using var eventFd = EventFd.Create();
        using var source = _thread.Add(eventFd, () => { });
        using var timer = _thread.CreateTimer(() => { });

        Assert.That(Allocation.Of(source.Start), Is.Zero);
        source.Stop();
        Assert.That(Allocation.Of(source.Stop), Is.Zero);
        Assert.That(
            Allocation.Of(() =>
            {
                timer.Arm(TimeSpan.FromHours(1));
                timer.Disarm();
            }),
            Is.Zero);
    }

    [Test]
    public void A_thread_that_has_ended_calls_nothing_back_and_takes_nothing_in()
    {
        using var eventFd = EventFd.Create();
        int calls = 0;
        using var source = _thread.Add(eventFd, () => calls++);
        using var timer = _thread.CreateTimer(() => calls++);

        _thread.Dispose();
        source.Start();
        EventFd.Signal(eventFd);
        timer.Arm(TimeSpan.Zero);
        source.Stop();
        timer.Disarm();
        _thread.Dispose();

        Assert.That(calls, Is.Zero);
        Assert.That(() => _thread.Add(eventFd, () => { }), Throws.TypeOf<ObjectDisposedException>());
        Assert.That(() => _thread.CreateTimer(() => { }), Throws.TypeOf<ObjectDisposedException>());
    }

    [Test]
    public void A_callback_may_end_the_thread()
    {
        using var eventFd = EventFd.Create();
        using var called = new BlockingCollection<int>();
        using var source = _thread.Add(eventFd, () =>
        {
            _thread.Dispose();
            called.Add(0);
        });
        source.Start();

        Next(called);
        _thread.Dispose();

        Assert.That(() => _thread.Add(eventFd, () => { }), Throws.TypeOf<ObjectDisposedException>());
    }

    [Test]
    public void A_negative_time_to_poll_is_refused() =>
        Assert.That(() => _thread.PollNanoseconds = -1, Throws.TypeOf<ArgumentOutOfRangeException>());

    private static T Next<T>(BlockingCollection<T> calls)
    {
        Assert.That(calls.TryTake(out var call, Timeout), "nothing was called back");
        return call!;
    }

    /// <summary>How long a thread of this process has run.</summary>
    private static TimeSpan ProcessorTime(int threadId) => TimeSpan.FromMicroseconds(
        long.Parse(File.ReadAllText($"/proc/self/task/{threadId}/schedstat").Split(' ')[0], CultureInfo.InvariantCulture) / 1000);
}

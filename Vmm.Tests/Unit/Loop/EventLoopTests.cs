using System.Runtime.CompilerServices;
using Vmm.Core.Loop;
using Vmm.Core.Native;

namespace Vmm.Tests.Unit.Loop;

[Parallelizable(ParallelScope.All)]
[FixtureLifeCycle(LifeCycle.InstancePerTestCase)]
public sealed class EventLoopTests : IDisposable
{
    private static readonly TimeSpan Timeout = TimeSpan.FromSeconds(30);

    private readonly EventLoop _loop = new("under test");

    public void Dispose()
    {
        _loop.StopAndJoin();
        _loop.Dispose();
    }

    [Test]
    public void A_timer_that_is_cancelled_leaves_nothing_behind_however_long_it_was_for()
    {
        var called = SetAndCancel();

        GC.Collect();

        Assert.That(called.IsAlive, Is.False);
    }

    [Test]
    public async Task Work_runs_in_the_order_of_posting_on_one_thread()
    {
        var ran = new List<int>();
        var threads = new HashSet<int>();
        for (int i = 0; i < 100; i++)
        {
            int number = i;
            _loop.Post(() =>
            {
                ran.Add(number);
                threads.Add(Environment.CurrentManagedThreadId);
            });
        }

        _loop.Start();
        await Turn();

        Assert.That(ran, Is.EqualTo(Enumerable.Range(0, 100)));
        Assert.That(threads, Has.Count.EqualTo(1));
    }

    [Test]
    public async Task Work_from_many_threads_all_runs_and_keeps_each_threads_order()
    {
        _loop.Start();
        var ran = new List<(int Thread, int Number)>();
        await Task.WhenAll(Enumerable.Range(0, 4).Select(thread => Task.Run(() =>
        {
            for (int i = 0; i < 2000; i++)
            {
                int number = i;
                _loop.Post(() => ran.Add((thread, number)));
            }
        })));
        await Turn();

        for (int thread = 0; thread < 4; thread++)
        {
            Assert.That(ran.Where(r => r.Thread == thread).Select(r => r.Number), Is.EqualTo(Enumerable.Range(0, 2000)));
        }
    }

    [Test]
    public async Task An_await_continues_on_the_loop()
    {
        _loop.Start();
        Assert.That(await On(async () =>
        {
            bool before = _loop.IsCurrent;
            await Task.Run(() => { });
            return before && _loop.IsCurrent;
        }), Is.True);
        Assert.That(_loop.IsCurrent, Is.False);
    }

    [Test]
    public async Task Send_waits_and_throws_the_error_in_the_caller()
    {
        _loop.Start();
        int ran = 0;
        await Task.Run(() => _loop.Send(_ => ran = 1, null));
        Assert.That(ran, Is.EqualTo(1));
        Assert.That(() => _loop.Send(_ => throw new NotSupportedException("no"), null), Throws.InvalidOperationException.With.Message.EqualTo("no"));
    }

    [Test]
    public async Task Timers_fire_in_the_order_of_their_instants_and_not_when_cancelled()
    {
        _loop.Start();
        var fired = await On(async () =>
        {
            var order = new List<string>();
            var done = new TaskCompletionSource();
            _loop.After(TimeSpan.FromMilliseconds(30), () =>
            {
                order.Add("later");
                done.SetResult();
            });
            _loop.After(TimeSpan.FromMilliseconds(1), () => order.Add("sooner"));
            _loop.After(TimeSpan.FromMilliseconds(5), () => order.Add("never")).Dispose();
            await done.Task;
            return order;
        });
        Assert.That(fired, Is.EqualTo(new[] { "sooner", "later" }));
    }

    [Test]
    public async Task A_timer_may_be_cancelled_by_one_that_is_due_at_the_same_time()
    {
        _loop.Start();
        int fired = await On(async () =>
        {
            int count = 0;
            LoopTimer? one = null;
            LoopTimer? other = null;
            one = _loop.After(TimeSpan.FromMilliseconds(1), () =>
            {
                count++;
                other!.Dispose();
            });
            other = _loop.After(TimeSpan.FromMilliseconds(1), () =>
            {
                count++;
                one.Dispose();
            });
            await _loop.Delay(TimeSpan.FromMilliseconds(20));
            return count;
        });
        Assert.That(fired, Is.EqualTo(1));
    }

    [Test]
    public async Task A_descriptor_that_gets_ready_is_reported_until_it_is_not_watched()
    {
        _loop.Start();
        using var eventFd = EventFd.Create();
        var reported = new TaskCompletionSource<FdEvents>();
        int times = 0;
        var watch = await On(() => Task.FromResult(_loop.Watch(eventFd, FdEvents.In, events =>
        {
            times++;
            EventFd.Drain(eventFd);
            reported.TrySetResult(events);
        })));
        EventFd.Signal(eventFd);
        Assert.That(await reported.Task.WaitAsync(Timeout), Is.EqualTo(FdEvents.In));

        await On(() =>
        {
            watch.Events = FdEvents.None;
            return Task.FromResult(true);
        });
        EventFd.Signal(eventFd);
        await Turn();
        await Turn();
        Assert.That(times, Is.EqualTo(1));
        await On(() =>
        {
            watch.Dispose();
            watch.Dispose();
            return Task.FromResult(true);
        });
    }

    [Test]
    public async Task A_watch_that_another_callback_ends_is_not_reported_any_more()
    {
        using var one = EventFd.Create();
        using var other = EventFd.Create();
        int reported = 0;
        var called = new TaskCompletionSource();
        FdWatch? first = null;
        FdWatch? second = null;
        void Ready(FdEvents events)
        {
            reported++;
            first!.Dispose();
            second!.Dispose();
            called.TrySetResult();
        }

        _loop.Post(() =>
        {
            first = _loop.Watch(one, FdEvents.In, Ready);
            second = _loop.Watch(other, FdEvents.In, Ready);
            EventFd.Signal(one);
            EventFd.Signal(other);
        });
        _loop.Start();
        await called.Task.WaitAsync(Timeout);
        await Turn();
        Assert.That(reported, Is.EqualTo(1));
    }

    [Test]
    public async Task What_was_ready_before_a_turn_was_requested_is_handled_when_it_is_over()
    {
        using var one = EventFd.Create();
        using var other = EventFd.Create();
        bool handled = false;
        var verdict = new TaskCompletionSource<bool>();
        _loop.Post(() =>
        {
            _loop.Watch(other, FdEvents.In, _ => handled = true);
            FdWatch? first = null;
            first = _loop.Watch(one, FdEvents.In, async _ =>
            {
                first!.Dispose();
                EventFd.Signal(other);
                await _loop.TurnAsync();
                verdict.SetResult(handled);
            });
            EventFd.Signal(one);
        });
        _loop.Start();

        Assert.That(await verdict.Task.WaitAsync(Timeout), Is.True);
    }

    [Test]
    public async Task A_regular_file_cannot_be_watched()
    {
        _loop.Start();
        string path = Path.GetTempFileName();
        using (var file = File.OpenHandle(path))
        {
            Assert.That(
                () => On(() => Task.FromResult(_loop.Watch(file, FdEvents.In, _ => { }))),
                Throws.InvalidOperationException);
        }

        File.Delete(path);
        await Turn();
    }

    [Test]
    public async Task Posted_work_starves_no_descriptor()
    {
        using var eventFd = EventFd.Create();
        var reported = new TaskCompletionSource();
        bool over = false;
        void Again()
        {
            if (!over)
            {
                _loop.Post(Again);
            }
        }

        _loop.Post(() => _loop.Watch(eventFd, FdEvents.In, _ =>
        {
            over = true;
            EventFd.Drain(eventFd);
            reported.TrySetResult();
        }));
        _loop.Post(Again);
        _loop.Start();
        EventFd.Signal(eventFd);
        await reported.Task.WaitAsync(Timeout);
    }

    [Test]
    public async Task An_exception_of_posted_work_goes_to_its_handler_and_the_loop_continues()
    {
        var caught = new TaskCompletionSource<Exception>();
        _loop.UnhandledException = e => caught.TrySetResult(e);
        _loop.Start();
        _loop.Post(() => throw new NotSupportedException("oops"));
        Assert.That((await caught.Task.WaitAsync(Timeout)).Message, Is.EqualTo("oops"));
        await Turn();
    }

    [Test]
    [Promise(47)]
    public async Task A_descriptor_that_the_host_refuses_to_watch_is_served_all_the_same()
    {
        // A descriptor is refused that is watched already.
        using var eventFd = EventFd.Create();
        var refusals = new List<Exception>();
        _loop.HostRefused = refusals.Add;
        _loop.Start();
        var granted = new TaskCompletionSource();
        var refused = new TaskCompletionSource();
        await On(() =>
        {
            _loop.Watch(eventFd, FdEvents.In, _ => granted.TrySetResult());
            _loop.Watch(eventFd, FdEvents.In, _ => refused.TrySetResult());
            return Task.FromResult(true);
        });

        EventFd.Signal(eventFd);
        await granted.Task.WaitAsync(Timeout);
        await refused.Task.WaitAsync(Timeout);

        Assert.That(await On(() => Task.FromResult(refusals.Count)), Is.EqualTo(1));
        Assert.That(refusals[0].Message, Does.StartWith("epoll_ctl"));
    }

    [Test]
    [Promise(47)]
    public async Task A_refused_watch_is_granted_later_follows_its_events_and_ends_when_disposed()
    {
        using var eventFd = EventFd.Create();
        _loop.Start();
        int calls = 0;
        var called = new TaskCompletionSource();
        var (first, second) = await On(() => Task.FromResult((
            _loop.Watch(eventFd, FdEvents.None, _ => { }),
            _loop.Watch(eventFd, FdEvents.None, _ =>
            {
                calls++;
                called.TrySetResult();
            }))));
        EventFd.Signal(eventFd);
        await On(async () =>
        {
            first.Dispose();
            await _loop.Delay(TimeSpan.FromMilliseconds(100));
            return true;
        });
        Assert.That(await On(() => Task.FromResult(calls)), Is.Zero, "it is watched for nothing");

        _loop.Post(() => second.Events = FdEvents.In);
        await called.Task.WaitAsync(Timeout);
        int before = await On(() =>
        {
            second.Dispose();
            return Task.FromResult(calls);
        });

        await On(async () =>
        {
            await _loop.Delay(TimeSpan.FromMilliseconds(100));
            return true;
        });
        Assert.That(calls, Is.EqualTo(before));
    }

    [Test]
    public void Stop_lets_queued_work_run()
    {
        int ran = 0;
        _loop.Post(() => ran++);
        _loop.Start();
        _loop.Post(() => ran++);
        _loop.StopAndJoin();
        Assert.That(ran, Is.EqualTo(2));
    }

    [Test]
    public void A_loop_runs_once()
    {
        _loop.Start();
        Assert.That(_loop.Start, Throws.InvalidOperationException);
        Assert.That(_loop.Run, Throws.InvalidOperationException);
    }

    private async Task Turn() => await On(() => Task.FromResult(true));

    private Task<T> On<T>(Func<Task<T>> function) => _loop.InvokeAsync(function).WaitAsync(Timeout);

    // Not inlined, so that the frame of the caller holds nothing.
    [MethodImpl(MethodImplOptions.NoInlining)]
    private WeakReference SetAndCancel()
    {
        var called = new object();
        _loop.After(TimeSpan.FromHours(1), () => GC.KeepAlive(called)).Dispose();
        return new WeakReference(called);
    }
}

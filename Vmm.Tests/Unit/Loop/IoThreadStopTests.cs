using System.Collections.Concurrent;
using Vmm.Core.Loop;
using Vmm.Core.Native;

namespace Vmm.Tests.Unit.Loop;

/// <summary>When Stop returns, no callback runs; and no signal is lost, whatever is stopped and started meanwhile.</summary>
[Parallelizable(ParallelScope.All)]
[FixtureLifeCycle(LifeCycle.InstancePerTestCase)]
public sealed class IoThreadStopTests : IDisposable
{
    private static readonly TimeSpan Timeout = TimeSpan.FromSeconds(60);

    private readonly IoThread _thread = new("io under test");

    public void Dispose() => _thread.Dispose();

    [Test]
    public void Stop_returns_after_the_callback_that_runs()
    {
        using var eventFd = EventFd.Create();
        using var entered = new BlockingCollection<int>();
        bool isRunning = false;
        using var source = _thread.Add(eventFd, () =>
        {
            Volatile.Write(ref isRunning, true);
            entered.Add(0);
            Thread.SpinWait(2_000);
            Volatile.Write(ref isRunning, false);
        });

        for (int i = 0; i < 2_000; i++)
        {
            source.Start();
            Assert.That(entered.TryTake(out _, Timeout));
            source.Stop();
            Assert.That(Volatile.Read(ref isRunning), Is.False);
        }
    }

    [Test]
    public void Disarm_returns_after_the_callback_that_runs()
    {
        using var entered = new BlockingCollection<int>();
        bool isRunning = false;
        using var timer = _thread.CreateTimer(() =>
        {
            Volatile.Write(ref isRunning, true);
            entered.Add(0);
            Thread.SpinWait(2_000);
            Volatile.Write(ref isRunning, false);
        });

        for (int i = 0; i < 2_000; i++)
        {
            timer.Arm(TimeSpan.Zero);
            Assert.That(entered.TryTake(out _, Timeout));
            timer.Disarm();
            Assert.That(Volatile.Read(ref isRunning), Is.False);
        }
    }

    [Test]
    public void No_callback_comes_after_Stop_whatever_is_signalled()
    {
        using var eventFd = EventFd.Create();
        bool isStopped = true;
        int late = 0;
        using var source = _thread.Add(eventFd, () =>
        {
            if (Volatile.Read(ref isStopped))
            {
                late++;
            }
        });
        using var over = new CancellationTokenSource();
        var signals = Task.Factory.StartNew(
            () =>
            {
                while (!over.IsCancellationRequested)
                {
                    EventFd.Signal(eventFd);
                }
            },
            TaskCreationOptions.LongRunning);

        for (int i = 0; i < 20_000; i++)
        {
            Volatile.Write(ref isStopped, false);
            source.Start();
            source.Stop();
            Volatile.Write(ref isStopped, true);
        }

        over.Cancel();
        Assert.That(signals.Wait(Timeout));
        Assert.That(late, Is.Zero);
    }

    [Test]
    public void Stop_in_the_callback_returns_at_once_and_is_obeyed()
    {
        using var eventFd = EventFd.Create();
        using var called = new BlockingCollection<int>();
        IIoSource? source = null;
        using var stopped = source = _thread.Add(eventFd, () =>
        {
            EventFd.Signal(eventFd);
            source!.Stop();
            called.Add(0);
        });

        source.Start();
        Assert.That(called.TryTake(out _, Timeout));
        _thread.Turn();
        Assert.That(called, Is.Empty);

        source.Start();
        Assert.That(called.TryTake(out _, Timeout));
    }

    [Test]
    public void A_source_and_a_timer_may_be_disposed_in_their_own_callbacks()
    {
        using var eventFd = EventFd.Create();
        using var called = new BlockingCollection<int>();
        IIoSource? source = null;
        IIoTimer? timer = null;
        source = _thread.Add(eventFd, () =>
        {
            source!.Dispose();
            called.Add(1);
        });
        timer = _thread.CreateTimer(() =>
        {
            timer!.Dispose();
            called.Add(2);
        });

        source.Start();
        timer.Arm(TimeSpan.Zero);

        Assert.That(called.TryTake(out _, Timeout));
        Assert.That(called.TryTake(out _, Timeout));
        EventFd.Signal(eventFd);
        _thread.Turn();
        Assert.That(called, Is.Empty);
    }

    [Test]
    public void Stop_waits_for_no_other_sources_callback_and_Start_for_none()
    {
        using var busyFd = EventFd.Create();
        using var idleFd = EventFd.Create();
        using var entered = new ManualResetEventSlim();
        using var release = new ManualResetEventSlim();
        using var busy = _thread.Add(busyFd, () =>
        {
            entered.Set();
            release.Wait();
        });
        using var idle = _thread.Add(idleFd, () => { });
        using var timer = _thread.CreateTimer(() => { });
        busy.Start();
        Assert.That(entered.Wait(Timeout));

        try
        {
            var calls = Task.Run(() =>
            {
                busy.Start();
                idle.Start();
                idle.Stop();
                timer.Arm(TimeSpan.Zero);
                timer.Disarm();
            });

            Assert.That(calls.Wait(Timeout));
        }
        finally
        {
            release.Set();
        }
    }

    [Test]
    public void A_callback_may_take_a_lock_under_which_its_source_is_started()
    {
        using var eventFd = EventFd.Create();
        using var called = new BlockingCollection<int>();
        var gate = new Lock();
        using var source = _thread.Add(eventFd, () =>
        {
            lock (gate)
            {
                called.Add(0);
            }
        });

        for (int i = 0; i < 10_000; i++)
        {
            lock (gate)
            {
                source.Start();
            }
        }

        Assert.That(called.TryTake(out _, Timeout));
    }

    [Test]
    public void None_of_many_threads_signals_is_lost_while_sources_stop_and_start()
    {
        const int Threads = 4;
        const int Signals = 60_000;
        using var over = new CancellationTokenSource();
        var queues = Enumerable.Range(0, Threads).Select(_ => new CountingQueue(_thread)).ToArray();

        var producers = queues.Select(queue => Task.Factory.StartNew(() => queue.Produce(Signals, Timeout), TaskCreationOptions.LongRunning)).ToArray();
        var restarts = Task.Factory.StartNew(
            () =>
            {
                while (!over.IsCancellationRequested)
                {
                    Array.ForEach(queues, queue => queue.Restart());
                }
            },
            TaskCreationOptions.LongRunning);

        try
        {
            Assert.That(Task.WhenAll(producers).Wait(Timeout));
        }
        finally
        {
            over.Cancel();
            restarts.Wait();
        }

        Assert.That(queues.Select(queue => queue.Seen), Is.All.EqualTo(Signals));
        Array.ForEach(queues, queue => queue.Dispose());
    }

    /// <summary>Counts what is produced, and what its source's callback has seen of it.</summary>
    private sealed class CountingQueue : IDisposable
    {
        private readonly Microsoft.Win32.SafeHandles.SafeFileHandle _eventFd = EventFd.Create();
        private readonly AutoResetEvent _served = new(false);
        private readonly IIoSource _source;
        private int _produced;
        private int _seen;

        internal CountingQueue(IoThread thread)
        {
            _source = thread.Add(_eventFd, () =>
            {
                Volatile.Write(ref _seen, Volatile.Read(ref _produced));
                _served.Set();
            });
            _source.Start();
        }

        internal int Seen => Volatile.Read(ref _seen);

        /// <summary>Signals in bursts, and after each waits until all of it was seen.</summary>
        internal void Produce(int count, TimeSpan timeout)
        {
            var random = new Random(count);
            while (_produced < count)
            {
                for (int burst = Math.Min(random.Next(1, 40), count - _produced); burst > 0; burst--)
                {
                    Volatile.Write(ref _produced, _produced + 1);
                    EventFd.Signal(_eventFd);
                }

                while (Seen < _produced)
                {
                    Assert.That(_served.WaitOne(timeout), "a signal was lost");
                }
            }
        }

        internal void Restart()
        {
            _source.Stop();
            _source.Start();
        }

        public void Dispose()
        {
            _source.Dispose();
            _served.Dispose();
            _eventFd.Dispose();
        }
    }
}

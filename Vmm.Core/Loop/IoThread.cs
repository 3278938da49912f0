// A thread for queues. The event loops run whatever is posted to them and yield to the guest between two parts; this one does neither:
// it waits for eventfds and timers, and calls the queue whose turn it is, at once and without a managed allocation.
//
// A round: wait (first by asking again and again for a bounded time, if that is wanted: to sleep and to be woken costs more than most
// requests take), then call back each watch that is ready, once, so that a busy queue delays the others by one callback at most.
//
// A callback runs under the lock of its source or timer. So a thread that stops a source, or disarms or disposes a timer, waits while its
// callback runs, and must hold no lock that the callback takes. Start and Arm never wait, and may be called with any lock held.

using System.Diagnostics;
using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;
using Vmm.Core.Native;

namespace Vmm.Core.Loop;

/// <summary>A thread that serves queues by eventfds and timers.</summary>
public sealed class IoThread : IIoThread, IDisposable
{
    private const int WakeAttempts = 8;

    private static readonly double TicksPerNanosecond = Stopwatch.Frequency / 1e9;

    private readonly SafeFileHandle _wakeHandle = EventFd.Create();
    private readonly CounterDescriptor _wake;
    private readonly IoWatchTable _watches;
    private readonly Thread _thread;
    private IoWork? _queued;
    private long _pollNanoseconds;
    private int _wakePending;
    private int _threadId;
    private bool _isStopping;

    /// <summary>Starts the thread.</summary>
    /// <param name="name">Its name, for the host's tools too, which show 15 characters.</param>
    /// <param name="pollNanoseconds">The first value of <see cref="PollNanoseconds"/>.</param>
    /// <exception cref="PosixException">The host gives no descriptor for it.</exception>
    public IoThread(string name, long pollNanoseconds = 0)
    {
        PollNanoseconds = pollNanoseconds;
        _wake = new CounterDescriptor(_wakeHandle);
        _watches = new IoWatchTable(_wake, refusal => HostRefused?.Invoke(refusal));
        _thread = new Thread(Run) { Name = name, IsBackground = true };
        try
        {
            _thread.Start();
        }
        catch
        {
            // The host gives no more threads.
            Close();
            throw;
        }
    }

    /// <summary>The thread, as the kernel names it.</summary>
    public int ThreadId
    {
        get
        {
            // It writes its number first of all.
            SpinWait.SpinUntil(() => Volatile.Read(ref _threadId) != 0);
            return _threadId;
        }
    }

    /// <summary>
    /// Handles an exception that a callback throws, whose source is stopped then. The default ends the process, as an unhandled one does.
    /// Called on the thread.
    /// </summary>
    public Action<Exception>? UnhandledException { get; set; }

    /// <summary>
    /// Called when the host refuses to watch a descriptor, or to wait, and the thread polls meanwhile: once until it is granted. And when it grants no
    /// io_uring, in whose place there are threads. Any thread.
    /// </summary>
    public Action<Exception>? HostRefused { get; set; }

    /// <summary>
    /// For how long the thread asks for events again and again before it sleeps; 0 lets it sleep at once. It keeps a processor busy for that time
    /// after each round. Any thread.
    /// </summary>
    public long PollNanoseconds
    {
        get => Volatile.Read(ref _pollNanoseconds);
        set
        {
            ArgumentOutOfRangeException.ThrowIfNegative(value);
            Volatile.Write(ref _pollNanoseconds, value);
        }
    }

    /// <inheritdoc/>
    public bool IsCurrent => Thread.CurrentThread == _thread;

    /// <inheritdoc/>
    /// <exception cref="ArgumentException">The descriptor may block, or is a regular file.</exception>
    /// <exception cref="ObjectDisposedException">The thread has ended.</exception>
    public IIoSource Add(SafeHandle eventFd, Action ready)
    {
        ArgumentNullException.ThrowIfNull(eventFd);
        ArgumentNullException.ThrowIfNull(ready);
        var source = new IoSource(this, eventFd, ready, isEventFd: true);
        Add(source, source);
        return source;
    }

    /// <inheritdoc/>
    /// <exception cref="ArgumentException">The descriptor is a regular file.</exception>
    /// <exception cref="ObjectDisposedException">The thread has ended.</exception>
    public IIoSource AddDescriptor(SafeHandle descriptor, Action ready)
    {
        ArgumentNullException.ThrowIfNull(descriptor);
        ArgumentNullException.ThrowIfNull(ready);
        var source = new IoSource(this, descriptor, ready, isEventFd: false);
        Add(source, source);
        return source;
    }

    /// <inheritdoc/>
    /// <exception cref="PosixException">The host gives no descriptor for it.</exception>
    /// <exception cref="ObjectDisposedException">The thread has ended.</exception>
    public IIoTimer CreateTimer(Action elapsed)
    {
        ArgumentNullException.ThrowIfNull(elapsed);
        var timer = new IoTimer(this, TimerFd.Create(), elapsed);
        Add(timer, timer);
        return timer;
    }

    /// <inheritdoc/>
    /// <exception cref="PosixException">The host grants no io_uring, and nothing else is wanted.</exception>
    /// <exception cref="ObjectDisposedException">The thread has ended.</exception>
    public IIoRequests CreateRequests(int capacity, IoEngine engine = IoEngine.Automatic)
    {
        if (engine != IoEngine.Threads)
        {
            try
            {
                return new UringRequests(this, capacity);
            }
            catch (PosixException refusal) when (engine == IoEngine.Automatic)
            {
                HostRefused?.Invoke(refusal);
            }
        }

        return new PooledRequests(this, capacity);
    }

    /// <summary>
    /// Ends the thread after the callbacks of its present round, and waits for it, except on the thread itself. Sources and timers may be disposed
    /// before or afterwards.
    /// </summary>
    public void Dispose()
    {
        Volatile.Write(ref _isStopping, true);
        Wake();
        if (!IsCurrent)
        {
            _thread.Join();
        }
    }

    /// <summary>Has the thread call back in this round or the next, signalled or not. Any thread.</summary>
    internal void CallBack(IoWork work)
    {
        if (!work.TryQueue())
        {
            return;
        }

        IoWork? first;
        do
        {
            first = Volatile.Read(ref _queued);
            work.Next = first;
        }
        while (Interlocked.CompareExchange(ref _queued, work, first) != first);
        if (!IsCurrent)
        {
            Wake();
        }
    }

    /// <summary>The interest of a watch has changed. Any thread, with any lock held.</summary>
    internal void Change(IoWatch watch)
    {
        if (!_watches.Change(watch) && !IsCurrent)
        {
            Wake();
        }
    }

    internal void Remove(IoWatch watch) => _watches.Remove(watch);

    /// <summary>A report takes memory, which may be what the host has just refused. Without it the thread continues and the defect is not reported.</summary>
    internal void Report(Exception defect)
    {
        try
        {
            UnhandledException?.Invoke(defect);
        }
        catch (OutOfMemoryException)
        {
            return;
        }
    }

    /// <summary>Adds a watch, or disposes its owner. Any thread.</summary>
    /// <param name="watch">What to wait for.</param>
    /// <param name="owner">Disposed if it cannot be added.</param>
    internal void Add(IoWatch watch, IDisposable owner)
    {
        try
        {
            if (!_watches.Add(watch))
            {
                Wake();
            }
        }
        catch
        {
            owner.Dispose();
            throw;
        }
    }

    private void Run()
    {
        Volatile.Write(ref _threadId, OsThread.CurrentId);
        while (!Volatile.Read(ref _isStopping))
        {
            int count = Wait();
            for (int i = 0; i < count; i++)
            {
                if (_watches.IsWake(i))
                {
                    Woken();
                }
                else
                {
                    _watches.WatchAt(i)?.Serve(isSignalled: true);
                }
            }

            ServeQueued();
            _watches.Poll();
        }

        Close();
    }

    private int Wait()
    {
        if (Volatile.Read(ref _queued) is not null)
        {
            // Queued by a callback of this round: there is more to do.
            return _watches.Wait(0);
        }

        long poll = PollNanoseconds;
        if (poll > 0)
        {
            long end = Stopwatch.GetTimestamp() + (long)(poll * TicksPerNanosecond);
            do
            {
                int count = _watches.Wait(0);
                if (count > 0)
                {
                    return count;
                }
            }
            while (Stopwatch.GetTimestamp() < end);
        }

        return _watches.Wait(Timeout.Infinite);
    }

    private void Woken()
    {
        _wake.TryTake();

        // What is queued from now on wakes the thread again; what was queued before is served in this round.
        Interlocked.Exchange(ref _wakePending, 0);
    }

    private void ServeQueued()
    {
        if (Volatile.Read(ref _queued) is null)
        {
            return;
        }

        var work = Interlocked.Exchange(ref _queued, null);
        while (work is not null)
        {
            var next = work.Next;
            work.Next = null;
            work.Unqueue();
            work.Serve(isSignalled: false);
            work = next;
        }
    }

    /// <summary>Ends the thread's wait. If it cannot be done, the next attempt to wake the thread tries again.</summary>
    private void Wake()
    {
        if (Interlocked.Exchange(ref _wakePending, 1) != 0)
        {
            return;
        }

        try
        {
            for (int attempt = 0; attempt < WakeAttempts; attempt++)
            {
                if (EventFd.TrySignal(_wakeHandle))
                {
                    return;
                }
            }
        }
        catch (ObjectDisposedException)
        {
            // The thread has ended: there is nothing to wake.
            return;
        }

        Volatile.Write(ref _wakePending, 0);
    }

    private void Close()
    {
        _watches.Dispose();
        _wake.Dispose();
        _wakeHandle.Dispose();
    }
}

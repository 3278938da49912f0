// One thread, one queue, one epoll: everything that happens on a loop happens in turn, so what it owns needs no lock.
//
// The machine loop is one of these and owns all control state; each I/O thread is another. A loop is a
// SynchronizationContext, so an async method that starts on a loop continues on it after every await: an await is the
// only place where something else can come between. Work is posted from any thread; descriptors and timers belong to the
// loop's own thread.
//
// Order: posted work first, in the order of posting, then descriptors, then timers that are due.

using System.Collections.Concurrent;
using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;
using Vmm.Core.Native;

namespace Vmm.Core.Loop;

/// <summary>A thread's queue of work, descriptor events and timers.</summary>
public sealed class EventLoop : SynchronizationContext, IDisposable
{
    private const int WakeAttempts = 8;

    private readonly SafeFileHandle _wake = EventFd.Create();
    private readonly WatchSet _watches;
    private readonly ConcurrentQueue<(SendOrPostCallback Callback, object? State)> _posted = new();
    private readonly PriorityQueue<LoopTimer, long> _timers = new();
    private readonly string _name;
    private readonly LoopCalls _calls = new();
    private readonly Action _rested;
    private readonly Action _woken;
    private readonly Action<FdWatch, FdEvents> _ready;
    private Thread? _thread;
    private int _wakePending;
    private bool _stopping;

    /// <summary>Creates a loop that does not run yet.</summary>
    /// <param name="name">The thread's name, where the loop makes its own.</param>
    public EventLoop(string name)
    {
        _name = name;
        (_rested, _woken, _ready) = (LoopCalls.Rested, Woken, Ready);
        _watches = new WatchSet(_wake, refusal => HostRefused?.Invoke(refusal));
    }

    /// <summary>Handles an exception that posted work or a callback throws. The default ends the process, as an unhandled one does.</summary>
    public Action<Exception>? UnhandledException
    {
        get => _calls.UnhandledException;
        set => _calls.UnhandledException = value;
    }

    /// <summary>Called when the host refuses to watch a descriptor, or to wait; the loop continues without and tries again. Once until it is granted.</summary>
    public Action<Exception>? HostRefused { get; set; }

    /// <summary>Whether the caller is on the loop's thread.</summary>
    public bool IsCurrent => Thread.CurrentThread == _thread;

    /// <summary>Runs the loop on the calling thread until <see cref="Stop"/>.</summary>
    public void Run()
    {
        if (Interlocked.CompareExchange(ref _thread, Thread.CurrentThread, null) is { } other && other != Thread.CurrentThread)
        {
            throw new InvalidOperationException($"loop {_name} already runs on thread '{other.Name}'");
        }

        var outer = Current;
        SetSynchronizationContext(this);
        try
        {
            while (!_stopping)
            {
                RunPosted();
                WaitAndDispatch();
                RunTimers();
            }

            RunPosted();
        }
        finally
        {
            SetSynchronizationContext(outer);
        }
    }

    /// <summary>Runs the loop on a thread of its own.</summary>
    public void Start()
    {
        var thread = new Thread(Run) { Name = _name, IsBackground = true };
        if (Interlocked.CompareExchange(ref _thread, thread, null) is not null)
        {
            throw new InvalidOperationException($"loop {_name} already runs");
        }

        try
        {
            thread.Start();
        }
        catch
        {
            // The host gives no more threads: the loop does not run, and there is no thread to wait for.
            _thread = null;
            throw;
        }
    }

    /// <summary>Ends <see cref="Run"/> after the work that is queued now. May be called from any thread.</summary>
    public void Stop() => Post(static loop => ((EventLoop)loop!)._stopping = true, this);

    /// <summary>Queues work. May be called from any thread; a loop that has ended drops it.</summary>
    public override void Post(SendOrPostCallback d, object? state)
    {
        _posted.Enqueue((d, state));
        if (Interlocked.Exchange(ref _wakePending, 1) == 0 && !_wake.IsClosed)
        {
            Wake();
        }
    }

    /// <summary>Queues an action.</summary>
    public void Post(Action action) => Post(static state => ((Action)state!)(), action);

    /// <summary>Runs a callback on the loop and waits for it; on the loop's own thread it runs at once.</summary>
    public override void Send(SendOrPostCallback d, object? state)
    {
        ArgumentNullException.ThrowIfNull(d);
        if (IsCurrent)
        {
            d(state);
            return;
        }

        using var done = new ManualResetEventSlim();
        Exception? failure = null;
        Post(
            _ =>
            {
                try
                {
                    d(state);
                }
                catch (Exception e)
                {
                    failure = e;
                }
                finally
                {
                    done.Set();
                }
            },
            null);
        done.Wait();
        if (failure is not null)
        {
            throw new InvalidOperationException(failure.Message, failure);
        }
    }

    /// <summary>Runs an asynchronous function on the loop; the task completes with it. May be called from any thread.</summary>
    public Task<T> InvokeAsync<T>(Func<Task<T>> function)
    {
        var done = new TaskCompletionSource<T>(TaskCreationOptions.RunContinuationsAsynchronously);
        Post(async () =>
        {
            try
            {
                done.SetResult(await function());
            }
            catch (Exception e)
            {
                done.SetException(e);
            }
        });
        return done.Task;
    }

    /// <summary>Completes when the loop has handled every descriptor that is ready now. May be called from any thread.</summary>
    /// <remarks>Work that the loop posts to itself runs after the next look at its descriptors.</remarks>
    public Task TurnAsync() => InvokeAsync(async () =>
    {
        await Task.Yield();
        return true;
    });

    /// <inheritdoc/>
    public override SynchronizationContext CreateCopy() => this;

    /// <summary>Watches a descriptor. Loop thread only; dispose the watch before closing the descriptor.</summary>
    /// <param name="handle">The descriptor; a regular file cannot be watched.</param>
    /// <param name="events">What to wait for; errors and hang-up are always reported.</param>
    /// <param name="callback">Called on the loop with what is ready.</param>
    /// <exception cref="InvalidOperationException">The descriptor is of a kind that is always ready.</exception>
    /// <remarks>A host that refuses is no error: the descriptor is polled until it does not.</remarks>
    public FdWatch Watch(SafeHandle handle, FdEvents events, Action<FdEvents> callback) => _watches.Add(this, handle, events, callback);

    /// <summary>Calls back once after a time. Loop thread only.</summary>
    public LoopTimer After(TimeSpan delay, Action callback)
    {
        var timer = new LoopTimer(this, callback);
        _timers.Enqueue(timer, Environment.TickCount64 + (long)Math.Ceiling(Math.Max(0, delay.TotalMilliseconds)));
        return timer;
    }

    /// <summary>Waits on the loop. Loop thread only.</summary>
    public Task Delay(TimeSpan delay)
    {
        var done = new TaskCompletionSource();
        After(delay, done.SetResult);
        return done.Task;
    }

    /// <summary>Releases the loop's descriptors; the loop has ended or never ran.</summary>
    public void Dispose()
    {
        _wake.Dispose();
        _watches.Dispose();
    }

    /// <summary>Ends a loop that <see cref="Start"/> began, and waits for its thread.</summary>
    public void StopAndJoin()
    {
        Stop();
        if (!IsCurrent)
        {
            _thread?.Join();
        }
    }

    internal void Modify(FdWatch watch) => _watches.Modify(watch);

    internal void Remove(FdWatch watch) => _watches.Remove(watch);

    // A timer that was cancelled does not wait for its time: code that sets and cancels long ones all the time would fill the memory.
    internal void Remove(LoopTimer timer) => _timers.Remove(timer, out _, out _);

    private void RunPosted()
    {
        // Work that is posted meanwhile waits for the next turn, so that descriptors are never starved.
        for (int left = _posted.Count; left > 0 && _posted.TryDequeue(out var work); left--)
        {
            _calls.Call(static w => w.Callback(w.State), work);
        }
    }

    private void WaitAndDispatch()
    {
        int timeout = TimeoutMilliseconds();
        _watches.Wait(timeout, timeout == 0 ? static () => { } : _rested, _woken, _ready);
    }

    private void Woken()
    {
        EventFd.TryDrain(_wake);
        Volatile.Write(ref _wakePending, 0);
        Thread.MemoryBarrier();
    }

    private void Ready(FdWatch watch, FdEvents events) => _calls.Call(static w => w.watch.Callback(w.events), (watch, events));

    private void RunTimers()
    {
        while (_timers.TryPeek(out var timer, out long due) && due <= Environment.TickCount64)
        {
            _timers.Dequeue();
            _calls.Call(static c => c(), timer.Callback);
        }
    }

    /// <summary>Ends the loop's wait. That it could not be done is not reported to the poster: the next post tries again.</summary>
    private void Wake()
    {
        for (int attempt = 0; attempt < WakeAttempts; attempt++)
        {
            if (EventFd.TrySignal(_wake))
            {
                return;
            }
        }

        Volatile.Write(ref _wakePending, 0);
    }

    private int TimeoutMilliseconds()
    {
        if (_stopping || !_posted.IsEmpty)
        {
            return 0;
        }

        return _timers.TryPeek(out _, out long due)
            ? (int)Math.Clamp(due - Environment.TickCount64, 0, int.MaxValue)
            : Timeout.Infinite;
    }
}

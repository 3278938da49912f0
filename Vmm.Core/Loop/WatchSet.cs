// The descriptors of a loop, and how it finds out which of them are ready: by epoll, where the host grants that.
//
// The host may refuse a registration: the user's watches are used up (fs.epoll.max_user_watches, ENOSPC), or the kernel has no
// memory (ENOMEM). Code that watches a descriptor can do nothing about it, and a descriptor that is never looked at again would
// be a monitor or an update that is lost. So a refusal is dealt with here: the descriptor is polled, and registered as soon as the
// host lets it. The callback is the same; it comes later by at most one interval.
//
// An error is believed when it comes twice: what a call answers once may be the moment's.

using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;
using Vmm.Core.Native;

namespace Vmm.Core.Loop;

/// <summary>What a loop waits for. Loop thread only.</summary>
internal sealed class WatchSet : IDisposable
{
    /// <summary>The key of the descriptor that ends a wait and has no callback.</summary>
    internal const long WakeKey = 0;

    private const int EventsAtOnce = 32;
    private const int PollMilliseconds = 20;

    /// <summary>Nanoseconds of rest after a wait that failed, or that brought only unwanted events.</summary>
    private const uint Rest = 10_000_000;

    private readonly SafeFileHandle _epoll = Epoll.Create();
    private readonly Dictionary<long, FdWatch> _watches = [];
    private readonly List<FdWatch> _refused = [];
    private readonly Action<Exception> _report;
    private long _lastKey = WakeKey;
    private bool _isReported;

    /// <summary>Creates the set.</summary>
    /// <param name="wake">What ends a wait.</param>
    /// <param name="report">Called with what the host refused, once until it grants everything again.</param>
    /// <exception cref="PosixException">Not even the first descriptor can be watched.</exception>
    internal WatchSet(SafeHandle wake, Action<Exception> report)
    {
        _report = report;
        if (Epoll.Control(_epoll, EpollChange.Add, wake, FdEvents.In, WakeKey) is not 0 and var error)
        {
            _epoll.Dispose();
            throw new PosixException("epoll_ctl add", error);
        }
    }

    /// <exception cref="InvalidOperationException">The descriptor is of a kind that is always ready.</exception>
    internal FdWatch Add(EventLoop loop, SafeHandle handle, FdEvents events, Action<FdEvents> callback)
    {
        var watch = new FdWatch(loop, handle, ++_lastKey, events, callback);
        int error = ControlWithRetry(EpollChange.Add, watch);
        if (error == Epoll.NotPermitted)
        {
            throw new InvalidOperationException("a regular file cannot be watched");
        }

        _watches.Add(watch.Key, watch);
        watch.IsRegistered = error == 0;
        Settle(watch, error);
        return watch;
    }

    /// <summary>The watch's events have changed.</summary>
    internal void Modify(FdWatch watch)
    {
        if (_watches.ContainsKey(watch.Key) && watch.IsRegistered)
        {
            Settle(watch, ControlWithRetry(EpollChange.Modify, watch));
        }
    }

    internal void Remove(FdWatch watch)
    {
        if (_watches.Remove(watch.Key))
        {
            _refused.Remove(watch);
            if (watch.IsRegistered)
            {
                // What is not taken out is reported under a key that is unknown from now on, and ends when the descriptor is closed.
                ControlWithRetry(EpollChange.Remove, watch);
            }
        }
    }

    /// <summary>Waits, and hands out what is ready.</summary>
    /// <param name="timeoutMilliseconds">The longest wait; -1 has no end.</param>
    /// <param name="waited">Called after the wait, before anything is handed out.</param>
    /// <param name="woken">Called when the wait was ended through the wake descriptor.</param>
    /// <param name="ready">Called for each watch that is ready.</param>
    internal void Wait(int timeoutMilliseconds, Action waited, Action woken, Action<FdWatch, FdEvents> ready)
    {
        Span<long> keys = stackalloc long[EventsAtOnce];
        Span<FdEvents> events = stackalloc FdEvents[EventsAtOnce];
        bool polls = _refused.Count > 0;
        bool isShortened = polls && timeoutMilliseconds is < 0 or > PollMilliseconds;
        int count = WaitGuarded(keys, events, isShortened ? PollMilliseconds : timeoutMilliseconds);
        waited();
        bool isIdle = count > 0;
        for (int i = 0; i < count; i++)
        {
            if (keys[i] == WakeKey)
            {
                isIdle = false;
                woken();
            }
            else if (_watches.TryGetValue(keys[i], out var watch) && watch.Wanted(events[i]) is not FdEvents.None and var wanted)
            {
                isIdle = false;
                ready(watch, wanted);
            }
        }

        if (polls)
        {
            Poll(ready);
        }

        if (isIdle)
        {
            OsThread.Sleep(Rest);
        }
    }

    /// <inheritdoc/>
    public void Dispose() => _epoll.Dispose();

    /// <summary>A wait that fails is a wait without events, and not a reason to end a loop, or to turn it as fast as it can.</summary>
    private int WaitGuarded(Span<long> keys, Span<FdEvents> events, int timeoutMilliseconds)
    {
        try
        {
            return Epoll.Wait(_epoll, keys, events, timeoutMilliseconds);
        }
        catch (PosixException e)
        {
            Report(e);
            OsThread.Sleep(Rest);
            return 0;
        }
    }

    private int ControlWithRetry(EpollChange change, FdWatch watch)
    {
        int error = Epoll.Control(_epoll, change, watch.Handle, watch.Events, watch.Key);
        return error == 0 ? 0 : Epoll.Control(_epoll, change, watch.Handle, watch.Events, watch.Key);
    }

    private void Settle(FdWatch watch, int error)
    {
        watch.IsRefused = error != 0;
        if (error == 0)
        {
            _refused.Remove(watch);
            _isReported &= _refused.Count > 0;
        }
        else if (!_refused.Contains(watch))
        {
            _refused.Add(watch);
            Report(new PosixException("epoll_ctl", error));
        }
    }

    private void Report(PosixException refusal)
    {
        if (!_isReported)
        {
            _isReported = true;
            _report(refusal);
        }
    }

    private void Poll(Action<FdWatch, FdEvents> ready)
    {
        foreach (var watch in _refused.ToArray())
        {
            // One that a callback has removed, or whose owner has closed the descriptor, has no owner any more.
            if (!_watches.ContainsKey(watch.Key) || Poll(watch) is not { } events)
            {
                _refused.Remove(watch);
            }
            else if (events != FdEvents.None)
            {
                ready(watch, events);
            }
        }
    }

    /// <summary>Tries to register a watch, and polls it if it is refused once more.</summary>
    /// <returns>What is ready and will not be reported otherwise; null if the descriptor is closed, which another thread may do at any time.</returns>
    private FdEvents? Poll(FdWatch watch)
    {
        try
        {
            int error = Epoll.Control(
                _epoll, watch.IsRegistered ? EpollChange.Modify : EpollChange.Add, watch.Handle, watch.Events, watch.Key);
            watch.IsRegistered |= error == 0;
            Settle(watch, error);
            return error == 0 ? FdEvents.None : PollGuarded(watch);
        }
        catch (ObjectDisposedException)
        {
            return null;
        }
    }

    private FdEvents PollGuarded(FdWatch watch)
    {
        try
        {
            return FileDescriptor.PollNow(watch.Handle, watch.Events);
        }
        catch (PosixException e)
        {
            Report(e);
            return FdEvents.None;
        }
    }
}

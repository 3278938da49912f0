// What an I/O thread waits for, by key. The thread reads the table without a lock; it is replaced when it grows.
//
// The host may refuse to watch a descriptor (ENOSPC: fs.epoll.max_user_watches; ENOMEM). Then the thread polls it, some milliseconds
// apart, and asks again each time: its callbacks come late and are not lost.

using System.Collections.Immutable;
using Vmm.Core.Native;

namespace Vmm.Core.Loop;

/// <summary>The watches of an <see cref="IoThread"/>. Add and remove: any thread; everything else: the thread.</summary>
internal sealed class IoWatchTable : IDisposable
{
    /// <summary>The key of the eventfd that ends a wait.</summary>
    internal const int WakeKey = 0;

    private const int PollMilliseconds = 20;

    /// <summary>Nanoseconds of rest after a wait that failed.</summary>
    private const uint Rest = 10_000_000;

    private readonly Lock _gate = new();
    private readonly EpollSet _epoll = new();
    private readonly Action<PosixException> _refused;
    private IoWatch?[] _watches = new IoWatch?[1];
    private ImmutableArray<IoWatch> _polled = [];
    private bool _isReported;
    private bool _isClosed;

    /// <param name="wake">What ends a wait.</param>
    /// <param name="refused">Called with what the host refuses, once until it grants everything again. Any thread.</param>
    /// <exception cref="PosixException">Not even the first descriptor can be watched.</exception>
    internal IoWatchTable(CounterDescriptor wake, Action<PosixException> refused)
    {
        _refused = refused;
        if (_epoll.Add(wake.Handle, WakeKey, FdEvents.In, isEdgeTriggered: true) is not 0 and var error)
        {
            _epoll.Dispose();
            throw new PosixException("epoll_ctl add", error);
        }
    }

    /// <returns>False if the host refuses to watch it: a thread that waits must be woken, because it has to poll now.</returns>
    /// <exception cref="ArgumentException">The descriptor is of a kind that is always ready.</exception>
    internal bool Add(IoWatch watch)
    {
        int error;
        lock (_gate)
        {
            ObjectDisposedException.ThrowIf(_isClosed, typeof(IoThread));
            var watches = _watches;
            int key = Array.IndexOf(watches, null, WakeKey + 1);
            if (key < 0)
            {
                key = watches.Length;
                Array.Resize(ref watches, key * 2);
            }

            watch.Key = key;
            watches[key] = watch;
            Volatile.Write(ref _watches, watches);
            error = TryRegister(watch);
            if (error != 0)
            {
                error = TryRegister(watch);
            }

            if (error == Epoll.NotPermitted)
            {
                watches[key] = null;
                throw new ArgumentException("a regular file cannot be watched", nameof(watch));
            }

            if (error != 0)
            {
                _polled = _polled.Add(watch);
            }
        }

        if (error != 0)
        {
            Report(error);
        }

        return error == 0;
    }

    /// <summary>The interest of a watch has changed. Any thread.</summary>
    /// <returns>False if the host refuses to watch it further, as <see cref="Add"/>.</returns>
    internal bool Change(IoWatch watch)
    {
        int error;
        lock (_gate)
        {
            if (_isClosed || _watches[watch.Key] != watch || !watch.IsRegistered)
            {
                // What is polled is looked at for its interest of the moment.
                return true;
            }

            error = _epoll.Modify(watch.Handle, watch.Key, watch.Interest, watch.IsEdgeTriggered);
            if (error != 0)
            {
                _ = _epoll.Remove(watch.Handle);
                watch.IsRegistered = false;
                _polled = _polled.Add(watch);
            }
        }

        if (error != 0)
        {
            Report(error);
        }

        return error == 0;
    }

    internal void Remove(IoWatch watch)
    {
        lock (_gate)
        {
            if (_isClosed || _watches[watch.Key] != watch)
            {
                return;
            }

            // An event of it that is on its way finds no watch, or a later one under its key, for which it is a spurious one.
            _watches[watch.Key] = null;
            _polled = _polled.Remove(watch);
            if (watch.IsRegistered && _epoll.Remove(watch.Handle) != 0)
            {
                // What is not taken out is reported as such an event, and ends when the descriptor is closed.
                _ = _epoll.Remove(watch.Handle);
            }
        }
    }

    /// <summary>Waits for events, at most until something has to be polled.</summary>
    /// <param name="timeoutMilliseconds">-1 has no end.</param>
    /// <returns>How many events there are.</returns>
    internal int Wait(int timeoutMilliseconds)
    {
        int count = _epoll.Wait(_polled.IsEmpty || timeoutMilliseconds == 0 ? timeoutMilliseconds : PollMilliseconds);
        if (count >= 0)
        {
            _isReported &= !_polled.IsEmpty;
            return count;
        }

        // A wait that fails is a wait without events, and no reason to end the thread, or to turn it as fast as it can.
        Report(-count);
        OsThread.Sleep(Rest);
        return 0;
    }

    /// <summary>Whose an event of the latest wait is; null for the end of the wait, and if the watch has been removed.</summary>
    internal IoWatch? WatchAt(int index) => Volatile.Read(ref _watches)[_epoll.KeyAt(index)];

    /// <summary>Whether an event of the latest wait is the one that ends a wait.</summary>
    internal bool IsWake(int index) => _epoll.KeyAt(index) == WakeKey;

    /// <summary>Serves what the host does not watch, if it is ready.</summary>
    internal void Poll()
    {
        foreach (var watch in _polled)
        {
            bool isReady;
            lock (_gate)
            {
                // One that was removed has perhaps no descriptor any more.
                if (!_polled.Contains(watch))
                {
                    continue;
                }

                if (TryRegister(watch) == 0)
                {
                    _polled = _polled.Remove(watch);
                }

                isReady = FileDescriptor.PollNow(watch.Handle, watch.Interest) != FdEvents.None;
            }

            if (isReady)
            {
                watch.Serve(isSignalled: true);
            }
        }
    }

    /// <summary>Ends all registrations; the thread waits no more.</summary>
    public void Dispose()
    {
        lock (_gate)
        {
            _isClosed = true;
            _epoll.Dispose();
        }
    }

    private int TryRegister(IoWatch watch)
    {
        int error = _epoll.Add(watch.Handle, watch.Key, watch.Interest, watch.IsEdgeTriggered);
        watch.IsRegistered = error == 0;
        return error;
    }

    private void Report(int error)
    {
        lock (_gate)
        {
            if (_isReported)
            {
                return;
            }

            _isReported = true;
        }

        _refused(new PosixException("epoll", error));
    }
}

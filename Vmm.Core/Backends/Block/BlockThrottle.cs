// A disk's requests before its throttle groups: at most one read and one write ask the groups and wait for the time that they are given; those that
// come meanwhile line up behind them. While the disk is drained nothing waits: what was lined up goes at once, as the guest cannot send more.

using System.Diagnostics;
using Vmm.Core.Loop;

namespace Vmm.Core.Backends.Block;

/// <summary>Holds requests back until their throttle groups let them go. On the thread that serves the disk, except where it says otherwise.</summary>
internal sealed class BlockThrottle : IDisposable
{
    private static readonly double NanosecondsPerTick = 1e9 / Stopwatch.Frequency;
    private static readonly TimeSpan AtOnce = TimeSpan.FromTicks(1);

    private readonly IReadOnlyList<ThrottleGroup> _groups;
    private readonly Action<BlockRequest> _pass;
    private readonly Action _passed;
    private readonly Lane _reads;
    private readonly Lane _writes;
    private bool _isOpen;

    /// <summary>Makes it.</summary>
    /// <param name="groups">The groups, at least one.</param>
    /// <param name="thread">The thread that serves the disk.</param>
    /// <param name="pass">Called with a request that may go.</param>
    /// <param name="passed">Called after some that had waited: what was complete at once may be published.</param>
    internal BlockThrottle(IReadOnlyList<ThrottleGroup> groups, IIoThread thread, Action<BlockRequest> pass, Action passed)
    {
        (_groups, _pass, _passed) = (groups, pass, passed);
        _reads = new Lane(this, thread, isWrite: false);
        try
        {
            _writes = new Lane(this, thread, isWrite: true);
        }
        catch
        {
            _reads.Dispose();
            throw;
        }
    }

    /// <summary>Lets a request go, now or later. Flushes are not limited.</summary>
    internal void Submit(BlockRequest request)
    {
        if (request.Operation == IoOperation.Flush || Volatile.Read(ref _isOpen))
        {
            _pass(request);
        }
        else
        {
            (request.Operation == IoOperation.Read ? _reads : _writes).Submit(request);
        }
    }

    /// <summary>Nothing waits any more, until <see cref="Limit"/>. Any thread.</summary>
    internal void Open()
    {
        Volatile.Write(ref _isOpen, true);
        _reads.Wake();
        _writes.Wake();
    }

    /// <summary>Requests are limited again. Any thread.</summary>
    internal void Limit() => Volatile.Write(ref _isOpen, false);

    public void Dispose()
    {
        _reads.Dispose();
        _writes.Dispose();
    }

    private long Delay(bool isWrite, long bytes)
    {
        long now = (long)(Stopwatch.GetTimestamp() * NanosecondsPerTick);
        long delay = 0;
        foreach (var group in _groups)
        {
            delay = Math.Max(delay, group.DelayNanoseconds(isWrite, bytes, now));
        }

        return delay;
    }

    /// <summary>The reads, or the writes.</summary>
    private sealed class Lane : IDisposable
    {
        private readonly BlockThrottle _owner;
        private readonly bool _isWrite;
        private readonly RequestList _waiting = new();
        private readonly IIoTimer _timer;

        internal Lane(BlockThrottle owner, IIoThread thread, bool isWrite)
        {
            (_owner, _isWrite) = (owner, isWrite);
            _timer = thread.CreateTimer(Go);
        }

        internal void Submit(BlockRequest request)
        {
            if (_waiting.First is null && Ask(request) == 0)
            {
                _owner._pass(request);
            }
            else
            {
                _waiting.Add(request);
            }
        }

        internal void Wake() => _timer.Arm(AtOnce);

        public void Dispose() => _timer.Dispose();

        /// <summary>The first one's time has come.</summary>
        private void Go()
        {
            PassWaiting();
            _owner._passed();
        }

        private void PassWaiting()
        {
            while (_waiting.First is { } request)
            {
                _waiting.RemoveFirst();
                _owner._pass(request);
                if (_waiting.First is { } next && !Volatile.Read(ref _owner._isOpen) && Ask(next) > 0)
                {
                    return;
                }
            }
        }

        /// <returns>How many nanoseconds it has to wait; the timer is armed then.</returns>
        private long Ask(BlockRequest request)
        {
            long delay = _owner.Delay(_isWrite, request.Length);
            if (delay > 0)
            {
                _timer.Arm(TimeSpan.FromTicks(Math.Max(delay / 100, 1)));
            }

            return delay;
        }
    }
}

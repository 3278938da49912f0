// The process can always be ended, whatever is stuck in it.
//
// A signal or `quit` begins an orderly end: the machine loop is notified, clients get what is queued for them, everything is closed. Each
// of these steps can hang: in a vCPU that does not leave the guest, in a file system that does not answer. So from the moment that the end is
// requested, a thread that exists from the start and does nothing else watches the clock. Before the limit it has removed what would outlive the
// process (ForcedEnd), and at the limit it ends the process with the status that the orderly end would have had.
//
// Whatever is stuck must not hold up this thread: it makes no call but those of the clock and of futexes, and the last one. A second
// thread waits for the signals, and makes no call besides but read, which does not wait. What may block, posting to the machine loop included,
// is done by threads of the pool, which exist from the start as well.
//
// A process that becomes another program loses what it has read and not done yet. So it does not become one once its end was requested, and from then on
// until it has become one no signal is read: the host keeps it, and the program that has the guest reads it (TryHold, Release).

using Microsoft.Extensions.Logging;
using Microsoft.Win32.SafeHandles;
using Vmm.Core.Loop;
using Vmm.Core.Native;
using Vmm.Qmp.Sessions;
using Monitor = System.Threading.Monitor;

namespace Vmm.Hosting;

/// <summary>Ends the process by force when its orderly end does not come in time. Any thread.</summary>
internal sealed partial class EndWatch : IEndWatch
{
    private const int StackSize = 128 << 10;

    /// <summary>Nanoseconds.</summary>
    private const uint Rest = 10_000_000;

    /// <summary>The least time for an orderly end, however short the limit was made: with less, no end would ever be orderly.</summary>
    private static readonly TimeSpan Least = TimeSpan.FromMilliseconds(100);

    private readonly SafeFileHandle _signals;
    private readonly Func<TimeSpan> _limit;
    private readonly Action _signalled;
    private readonly ILogger _log;
    private readonly object _gate = new();
    private State _state;
    private long _cleanUpAt;
    private long _endAt;
    private int _status;
    private int _requests;
    private bool _cleansUp;

    /// <summary>Until when no signal is read, on the clock of <see cref="Environment.TickCount64"/>.</summary>
    private long _heldUntil;

    /// <summary>Creates the watch.</summary>
    /// <param name="signals">Where the signals that ask for the end are read from.</param>
    /// <param name="limit">How long an orderly end may take, read when one begins.</param>
    /// <param name="signalled">Begins the orderly end after a signal. Called on a thread of the pool, at each signal.</param>
    /// <param name="log">Where an end by force is reported.</param>
    internal EndWatch(SafeFileHandle signals, Func<TimeSpan> limit, Action signalled, ILogger log)
    {
        _signals = signals;
        _limit = limit;
        _signalled = signalled;
        _log = log;
    }

    private enum State
    {
        /// <summary>The end was not requested.</summary>
        Idle,

        /// <summary>A client has requested it; the request may yet be refused.</summary>
        Requested,

        /// <summary>The process ends.</summary>
        Ending,
    }

    /// <summary>How long an orderly end may take.</summary>
    internal TimeSpan Limit => _limit() is var limit && limit > Least ? limit : Least;

    /// <summary>Starts to watch.</summary>
    internal void Start()
    {
        new Thread(Watch, StackSize) { Name = "end", IsBackground = true }.Start();
        new Thread(ReadSignals, StackSize) { Name = "signals", IsBackground = true }.Start();
    }

    /// <inheritdoc/>
    public void Requested()
    {
        lock (_gate)
        {
            _requests++;
            Begin(State.Requested, status: 0, replaces: false);
        }
    }

    /// <inheritdoc/>
    public void Refused()
    {
        lock (_gate)
        {
            _requests--;
            if (_state == State.Requested && _requests == 0)
            {
                _state = State.Idle;
            }
        }
    }

    /// <summary>Whether the end was requested, and cannot be refused any more.</summary>
    internal bool HasBegun
    {
        get
        {
            lock (_gate)
            {
                return _state == State.Ending;
            }
        }
    }

    /// <summary>
    /// From now on no signal is read, until <see cref="Release"/>; or, where this program is stuck, until the time is over that an orderly end may take.
    /// </summary>
    /// <returns>Whether the end has not begun; otherwise without effect.</returns>
    internal bool TryHold()
    {
        lock (_gate)
        {
            if (_state == State.Ending)
            {
                return false;
            }

            _heldUntil = Environment.TickCount64 + (long)Limit.TotalMilliseconds;
            return true;
        }
    }

    /// <summary>Signals are read again. Without effect where they are.</summary>
    internal void Release()
    {
        lock (_gate)
        {
            _heldUntil = 0;
            Monitor.PulseAll(_gate);
        }
    }

    /// <summary>The process ends now, with this status; time that it had been given before is not given again.</summary>
    internal void Begin(int status) => Begin(State.Ending, status, replaces: true);

    private void Begin(State state, int status, bool replaces)
    {
        long limit = (long)Limit.TotalMilliseconds;
        lock (_gate)
        {
            if (_state == State.Idle)
            {
                long now = Environment.TickCount64;
                _cleanUpAt = now + (limit * 3 / 4);
                _endAt = now + (limit * 15 / 16);
            }

            if (state > _state || replaces)
            {
                _state = state;
                _status = status;
            }

            Monitor.PulseAll(_gate);
        }
    }

    private void Watch()
    {
        lock (_gate)
        {
            while (true)
            {
                long now = Environment.TickCount64;
                if (_state == State.Idle)
                {
                    Monitor.Wait(_gate);
                }
                else if (now >= _endAt)
                {
                    HostProcess.ExitNow(_status);
                }
                else if (now >= _cleanUpAt && !_cleansUp)
                {
                    _cleansUp = true;
                    ThreadPool.UnsafeQueueUserWorkItem(static watch => watch.CleanUp(), this, preferLocal: false);
                }
                else
                {
                    Monitor.Wait(_gate, TimeSpan.FromMilliseconds((_cleansUp ? _endAt : _cleanUpAt) - now));
                }
            }
        }
    }

    private void ReadSignals()
    {
        while (true)
        {
            try
            {
                AwaitSignal();
                if (!TakeSignal())
                {
                    // Without an error and without a signal: nothing was asked for.
                    OsThread.Sleep(Rest);
                    continue;
                }

                ThreadPool.UnsafeQueueUserWorkItem(static watch => watch._signalled(), this, preferLocal: false);
            }
            catch (PosixException)
            {
                // The host refuses even to read: a signal that comes meanwhile stays.
                OsThread.Sleep(Rest);
            }
        }
    }

    /// <summary>Waits for a signal, and leaves it where it is. Returns at once where the host refuses to wait, as with an RLIMIT_NOFILE of 0.</summary>
    private void AwaitSignal()
    {
        try
        {
            FileDescriptor.WaitFor(_signals, FdEvents.In);
        }
        catch (PosixException)
        {
            return;
        }
    }

    /// <summary>Takes a signal; from the same moment on it is known that the end was requested.</summary>
    private bool TakeSignal()
    {
        lock (_gate)
        {
            while (_heldUntil - Environment.TickCount64 is > 0 and var left)
            {
                Monitor.Wait(_gate, TimeSpan.FromMilliseconds(left));
            }

            if (SignalFd.Take(_signals) == 0)
            {
                return false;
            }

            Begin(State.Ending, status: 0, replaces: false);
            return true;
        }
    }

    private void CleanUp()
    {
        ForcedEnd.RunCleanUps();
        LogForced(_log, (long)Limit.TotalMilliseconds);
    }

    [LoggerMessage(Level = LogLevel.Error, Message = "the process does not come to its end in time and is ended by force, {Limit} ms after it was asked to end (cpr-load-timeout)")]
    private static partial void LogForced(ILogger log, long limit);
}

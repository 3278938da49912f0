using System.Runtime.InteropServices;
using Vmm.Core.Loop;
using Vmm.Core.Native;

namespace Vmm.Tests.Unit.Devices.Virtio;

/// <summary>An I/O thread that runs callbacks when the test says so, on the test's own thread.</summary>
internal sealed class ManualIoThread : IIoThread
{
    private readonly List<Source> _sources = [];
    private readonly List<Timer> _timers = [];

    public bool IsCurrent => true;

    internal int Sources => _sources.Count;

    internal int Timers => _timers.Count;

    /// <summary>How many timers the host allows.</summary>
    internal int MostTimers { get; set; } = int.MaxValue;

    /// <summary>The delays of the armed timers.</summary>
    internal IEnumerable<TimeSpan> Armed => _timers.Select(timer => timer.Delay).OfType<TimeSpan>();

    public IIoSource Add(SafeHandle eventFd, Action ready)
    {
        var source = new Source(this, eventFd, ready, isEventFd: true);
        _sources.Add(source);
        return source;
    }

    public IIoSource AddDescriptor(SafeHandle descriptor, Action ready)
    {
        var source = new Source(this, descriptor, ready, isEventFd: false);
        _sources.Add(source);
        return source;
    }

    public IIoTimer CreateTimer(Action elapsed)
    {
        if (_timers.Count == MostTimers)
        {
            throw new IOException("timerfd_create: Too many open files");
        }

        var timer = new Timer(this, elapsed);
        _timers.Add(timer);
        return timer;
    }

    public IIoRequests CreateRequests(int capacity, IoEngine engine = IoEngine.Automatic)
    {
        Requests = new ManualRequests(capacity) { AnswersAtOnce = AnswersAtOnce };
        return Requests;
    }

    /// <summary>Whether requests are answered at once.</summary>
    internal bool AnswersAtOnce { get; set; }

    /// <summary>What was created last for requests.</summary>
    internal ManualRequests? Requests { get; private set; }

    /// <summary>Calls back until nothing is due.</summary>
    /// <returns>How many callbacks there were.</returns>
    internal int Run()
    {
        const int Most = 10_000;
        int calls = RunSome(Most);
        if (calls >= Most)
        {
            Assert.Fail("callbacks without an end");
        }

        return calls;
    }

    /// <summary>Calls back until nothing is due, or often enough.</summary>
    /// <param name="most">How often is enough.</param>
    /// <returns>How many callbacks there were.</returns>
    internal int RunSome(int most)
    {
        int calls = 0;
        bool any = true;
        _sources.ForEach(source => source.Look());
        while (any && calls < most)
        {
            any = false;
            foreach (var source in _sources)
            {
                if (source.CallIfDue())
                {
                    any = true;
                    calls++;
                }
            }
        }

        return calls;
    }

    /// <summary>All armed timers elapse.</summary>
    internal void ElapseAll()
    {
        foreach (var timer in _timers.Where(timer => timer.Delay is not null).ToList())
        {
            timer.Elapse();
        }
    }

    /// <summary>Time passes: the armed timers of that delay elapse.</summary>
    internal void Elapse(TimeSpan delay)
    {
        foreach (var timer in _timers.Where(timer => timer.Delay == delay).ToList())
        {
            timer.Elapse();
        }
    }

    private sealed class Source(ManualIoThread thread, SafeHandle descriptor, Action ready, bool isEventFd) : IIoSource
    {
        private bool _isStarted;
        private bool _isDue;

        public void Start() => (_isStarted, _isDue) = (true, true);

        public void Trigger() => _isDue = true;

        public void Stop() => _isStarted = false;

        public void Dispose() => thread._sources.Remove(this);

        /// <summary>What came since the last look at a descriptor is an event once: it stays there unread.</summary>
        internal void Look() => _isDue |= !isEventFd && _isStarted && FileDescriptor.PollNow(descriptor, FdEvents.In) != FdEvents.None;

        internal bool CallIfDue()
        {
            if (!_isStarted)
            {
                return false;
            }

            bool isSignalled = isEventFd && FileDescriptor.PollNow(descriptor, FdEvents.In) != FdEvents.None;
            if (isSignalled)
            {
                EventFd.Drain(descriptor);
            }

            bool calls = isSignalled || _isDue;
            _isDue = false;
            if (calls)
            {
                ready();
            }

            return calls;
        }
    }

    private sealed class Timer(ManualIoThread thread, Action elapsed) : IIoTimer
    {
        internal TimeSpan? Delay { get; private set; }

        public void Arm(TimeSpan delay) => Delay = delay;

        public void Disarm() => Delay = null;

        public void Dispose() => thread._timers.Remove(this);

        internal void Elapse()
        {
            Delay = null;
            elapsed();
        }
    }
}

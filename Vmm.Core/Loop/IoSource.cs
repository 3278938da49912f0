// Stop must not return while the callback runs, and costs a guest's pause: so it asks the thread nothing. The callback runs under a lock
// of the source's own, which Stop takes: it waits only if the callback runs at this moment. The lock is reentrant, so a callback may
// stop its own source. Start takes no lock that is held longer than for a system call, so it may be called with any held.
//
// The descriptor stays registered while the source is stopped, edge-triggered: what comes then is reported once and left unread, and Start
// calls back in any case. Before the first Start a descriptor that is no eventfd is registered without an interest: it may be another process's, which
// hands it over later, and what that process is sent wakes nobody here; but the host has granted what Start needs. An eventfd is read here, because its count says nothing; of any other descriptor nothing is read, and a change of
// either direction calls back: who is called knows what it waits for.

using System.Runtime.InteropServices;
using Vmm.Core.Native;

namespace Vmm.Core.Loop;

/// <summary>An eventfd, or any other descriptor, served by an <see cref="IoThread"/>.</summary>
internal sealed class IoSource(IoThread thread, SafeHandle descriptor, Action ready, bool isEventFd) : IoWatch(descriptor), IIoSource
{
    private readonly Lock _gate = new();
    private readonly CounterDescriptor? _counter = isEventFd ? new(descriptor) : null;
    private bool _isStarted;
    private int _isWatched = isEventFd ? 1 : 0;

    internal override bool IsEdgeTriggered => true;

    internal override FdEvents Interest =>
        isEventFd ? FdEvents.In : Volatile.Read(ref _isWatched) != 0 ? FdEvents.In | FdEvents.Out : FdEvents.None;

    public void Start()
    {
        Volatile.Write(ref _isStarted, true);
        if (Volatile.Read(ref _isWatched) == 0 && Interlocked.Exchange(ref _isWatched, 1) == 0)
        {
            thread.Change(this);
        }

        thread.CallBack(this);
    }

    public void Trigger() => thread.CallBack(this);

    public void Stop()
    {
        lock (_gate)
        {
            Volatile.Write(ref _isStarted, false);
        }
    }

    public void Dispose()
    {
        Stop();
        thread.Remove(this);
        _counter?.Dispose();
    }

    internal override void Serve(bool isSignalled)
    {
        Exception? defect = null;
        lock (_gate)
        {
            if (!Volatile.Read(ref _isStarted))
            {
                return;
            }

            if (isSignalled)
            {
                _counter?.TryTake();
            }

            try
            {
                ready();
            }
            catch (Exception e) when (thread.UnhandledException is not null)
            {
                Volatile.Write(ref _isStarted, false);
                defect = e;
            }
        }

        if (defect is not null)
        {
            thread.Report(defect);
        }
    }
}

// Each timer is a timerfd of its own: arming it is one system call, and the thread need not be woken for it. Setting
// a timerfd takes back an expiration that was not read yet, so one of an earlier arming is never taken for the new one.
//
// The callback runs under a lock that Disarm takes, as a source's does. Arm takes none.

using Microsoft.Win32.SafeHandles;
using Vmm.Core.Native;

namespace Vmm.Core.Loop;

/// <summary>A timer of an <see cref="IoThread"/>.</summary>
internal sealed class IoTimer(IoThread thread, SafeFileHandle timerFd, Action elapsed) : IoWatch(timerFd), IIoTimer
{
    private readonly Lock _gate = new();
    private readonly CounterDescriptor _descriptor = new(timerFd);
    private bool _isArmed;
    private bool _isDisposed;

    internal override bool IsEdgeTriggered => false;

    public void Arm(TimeSpan delay)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(delay, TimeSpan.Zero);
        Volatile.Write(ref _isArmed, true);
        if (TimerFd.Set(Handle, delay) is not 0 and var error)
        {
            throw new PosixException("timerfd_settime", error);
        }
    }

    public void Disarm()
    {
        Volatile.Write(ref _isArmed, false);

        // If it cannot be set, it expires once more, without a callback.
        _ = TimerFd.Set(Handle, null);
        lock (_gate)
        {
            // The thread, if it held it, has called back, or has found nothing to call back for.
        }
    }

    public void Dispose()
    {
        lock (_gate)
        {
            if (_isDisposed)
            {
                return;
            }

            _isDisposed = true;
        }

        thread.Remove(this);
        _descriptor.Dispose();
        Handle.Dispose();
    }

    internal override void Serve(bool isSignalled)
    {
        Exception? defect = null;
        lock (_gate)
        {
            if (_isDisposed || !_descriptor.TryTake() || !Volatile.Read(ref _isArmed))
            {
                return;
            }

            try
            {
                elapsed();
            }
            catch (Exception e) when (thread.UnhandledException is not null)
            {
                Volatile.Write(ref _isArmed, false);
                defect = e;
            }
        }

        if (defect is not null)
        {
            thread.Report(defect);
        }
    }
}

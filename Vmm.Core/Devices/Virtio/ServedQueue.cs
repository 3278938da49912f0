using Microsoft.Win32.SafeHandles;
using Vmm.Core.Loop;
using Vmm.Core.Native;

namespace Vmm.Core.Devices.Virtio;

/// <summary>A queue and what serves it: the eventfd that the driver's notification signals, and the thread that waits on it.</summary>
internal sealed class ServedQueue : IDisposable
{
    private readonly SafeFileHandle _kick = EventFd.Create();
    private readonly IIoSource _source;
    private IDisposable? _doorbell;
    private bool _isRunning;
    private bool _isEnding;

    /// <summary>Adds it to a thread, stopped.</summary>
    /// <param name="queue">The queue.</param>
    /// <param name="thread">The thread that serves it.</param>
    /// <param name="serve">Serves it.</param>
    internal ServedQueue(VirtQueue queue, IIoThread thread, Action<ServedQueue> serve)
    {
        Queue = queue;
        try
        {
            _source = thread.Add(_kick, () => serve(this));
        }
        catch
        {
            _kick.Dispose();
            throw;
        }
    }

    internal VirtQueue Queue { get; }

    /// <summary>Whether it is stopped for good, and what was taken from it may be in flight.</summary>
    internal bool IsEnding => _isEnding;

    /// <summary>Says which doorbell signals the eventfd; once.</summary>
    internal void Connect(Func<SafeFileHandle, IDisposable> bind) => _doorbell = bind(_kick);

    /// <summary>Has the queue served once more. Any thread.</summary>
    internal void Kick() => _source.Trigger();

    /// <summary>Begins to serve it, if it is not served already.</summary>
    /// <returns>False if its rings are not what they must be.</returns>
    internal bool TryStart(ulong features)
    {
        if (!_isRunning && !_isEnding)
        {
            if (!Queue.TryStart(features))
            {
                return false;
            }

            _isRunning = true;
            _source.Start();
        }

        return true;
    }

    /// <summary>When this returns, it is not served any more.</summary>
    internal void Stop()
    {
        if (_isRunning)
        {
            _source.Stop();
            _isRunning = false;
        }
    }

    /// <summary>The same, and it is not served again before <see cref="TryEnd"/>.</summary>
    internal void StopForGood()
    {
        Stop();
        _isEnding = true;
    }

    /// <summary>It is set up no more, if it was to end.</summary>
    /// <returns>Whether it was.</returns>
    internal bool TryEnd()
    {
        if (!_isEnding)
        {
            return false;
        }

        _isEnding = false;
        Queue.State.Ready = false;
        Queue.Close();
        return true;
    }

    public void Dispose()
    {
        Stop();
        _doorbell?.Dispose();
        _source.Dispose();
        _kick.Dispose();
    }
}

using Vmm.Core.Loop;

namespace Vmm.Core.Devices.Clock;

/// <summary>A device's timer on an event loop. What is requested on a vCPU's thread is noted there and done on the loop's.</summary>
/// <param name="loop">The loop that calls back.</param>
public sealed class LoopDeviceTimer(EventLoop loop) : IDeviceTimer
{
    private static readonly SendOrPostCallback Settle = static timer => ((LoopDeviceTimer)timer!).SettleOnLoop();

    private readonly Lock _lock = new();
    private Action? _elapsed;
    private TimeSpan _delay;
    private bool _changed;
    private LoopTimer? _running;

    /// <inheritdoc/>
    public void Arm(TimeSpan delay, Action elapsed) => Change(delay, elapsed);

    /// <inheritdoc/>
    public void Disarm() => Change(default, null);

    private void Change(TimeSpan delay, Action? elapsed)
    {
        lock (_lock)
        {
            if (elapsed is null && _elapsed is null)
            {
                return;
            }

            (_delay, _elapsed) = (delay, elapsed);
            if (!_changed)
            {
                _changed = true;
                loop.Post(Settle, this);
            }
        }
    }

    private void SettleOnLoop()
    {
        lock (_lock)
        {
            _changed = false;
            _running?.Dispose();
            _running = _elapsed is null ? null : loop.After(_delay, Fire);
        }
    }

    private void Fire()
    {
        Action? elapsed;
        lock (_lock)
        {
            elapsed = _changed ? null : _elapsed;
            _elapsed = _changed ? _elapsed : null;
        }

        elapsed?.Invoke();
    }
}

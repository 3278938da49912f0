using Vmm.Core.Devices.Clock;

namespace Vmm.Tests.Unit.Devices;

/// <summary>A timer that remembers how it was armed, and calls back when a test says so.</summary>
internal sealed class RecordedTimer : IDeviceTimer
{
    private Action? _elapsed;

    /// <summary>What it was armed for; null when it is not.</summary>
    internal TimeSpan? Delay { get; private set; }

    public void Arm(TimeSpan delay, Action elapsed) => (Delay, _elapsed) = (delay, elapsed);

    public void Disarm() => Delay = null;

    /// <summary>Calls back, as a timer that was armed does, even where it was disarmed in that very instant.</summary>
    internal void Fire()
    {
        Delay = null;
        _elapsed!();
    }
}

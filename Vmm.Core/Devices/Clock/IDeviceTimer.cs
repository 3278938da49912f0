namespace Vmm.Core.Devices.Clock;

/// <summary>Calls a device back after a while, once. Any thread.</summary>
public interface IDeviceTimer
{
    /// <summary>Calls back after a time, instead of any call that was requested before.</summary>
    /// <param name="delay">How long from now on; it may take longer, but never less.</param>
    /// <param name="elapsed">Called on a thread that is no vCPU's.</param>
    void Arm(TimeSpan delay, Action elapsed);

    /// <summary>Cancels the call; one that is under way still comes.</summary>
    void Disarm();
}

namespace Vmm.Core.State;

/// <summary>Says in a layout that a field is the expiry of a timer, which a stream's description calls by that name.</summary>
public sealed class TimerType
{
    /// <summary>A timer.</summary>
    public static readonly TimerType Timer = new();

    private TimerType()
    {
    }
}

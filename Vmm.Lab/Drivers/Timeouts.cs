namespace Vmm.Lab.Drivers;

/// <summary>Time-outs of waits: long, because in the lab everything is emulated, and only a failure waits to the end.</summary>
public static class Timeouts
{
    /// <summary>For one answer or event.</summary>
    public static readonly TimeSpan Answer = TimeSpan.FromSeconds(60);

    /// <summary>For a Linux guest to boot.</summary>
    public static readonly TimeSpan Boot = TimeSpan.FromSeconds(90);
}

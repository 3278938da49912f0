namespace Vmm.Core.Backends.Block;

/// <summary>The limit of one kind of traffic: a leaky bucket, as QEMU's throttling has it.</summary>
/// <param name="Average">Units a second; 0 for no limit.</param>
/// <param name="Burst">Units a second while a burst lasts; 0 for none.</param>
/// <param name="BurstSeconds">How long a burst may last.</param>
public readonly record struct ThrottleLimit(ulong Average, ulong Burst = 0, ulong BurstSeconds = 1);

/// <summary>Limits that all nodes with the same group share (-object throttle-group).</summary>
/// <param name="Id">Its id, unique among all objects.</param>
public sealed record ThrottleGroupConfiguration(string Id)
{
    /// <summary>The type as QEMU spells it.</summary>
    public const string TypeName = "throttle-group";

    /// <summary>Requests a second, of both kinds together.</summary>
    public ThrottleLimit TotalRequests { get; init; }

    /// <summary>Reads a second.</summary>
    public ThrottleLimit ReadRequests { get; init; }

    /// <summary>Writes a second.</summary>
    public ThrottleLimit WriteRequests { get; init; }

    /// <summary>Bytes a second, of both kinds together.</summary>
    public ThrottleLimit TotalBytes { get; init; }

    /// <summary>Bytes read a second.</summary>
    public ThrottleLimit ReadBytes { get; init; }

    /// <summary>Bytes written a second.</summary>
    public ThrottleLimit WriteBytes { get; init; }

    /// <summary>A request counts as many for every so many bytes of it; 0 counts each as one.</summary>
    public ulong RequestSize { get; init; }
}

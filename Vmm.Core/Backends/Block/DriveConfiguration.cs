namespace Vmm.Core.Backends.Block;

/// <summary>What is done when a request of a disk fails (werror=, rerror=).</summary>
public enum BlockErrorAction
{
    /// <summary>The guest gets the error.</summary>
    Report,

    /// <summary>The request is reported to the guest as done.</summary>
    Ignore,

    /// <summary>The guest is stopped, and the request is made again when it continues.</summary>
    Stop,

    /// <summary>Where there is no space left the guest is stopped; other errors it gets.</summary>
    StopOnNoSpace,
}

/// <summary>A drive: the nodes of one disk under the name that a device uses for it, as -drive makes one.</summary>
/// <param name="Id">Its id, unique among drives and nodes.</param>
/// <param name="NodeName">The uppermost of its nodes.</param>
public sealed record DriveConfiguration(string Id, string NodeName)
{
    /// <summary>What is done when a write fails; null if the device or the default says so.</summary>
    public BlockErrorAction? WriteError { get; init; }

    /// <summary>What is done when a read fails; null if the device or the default says so.</summary>
    public BlockErrorAction? ReadError { get; init; }

    /// <summary>Whether the guest's writes are complete when the host's page cache has them (cache=writeback); null for what the device says.</summary>
    public bool? WriteCache { get; init; }

    /// <summary>The throttle group of its own that -drive throttling keys made; null for none.</summary>
    public string? ThrottleGroup { get; init; }
}

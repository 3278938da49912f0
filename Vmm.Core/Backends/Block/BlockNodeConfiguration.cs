// A block node is a place where a disk's bytes are: a file, a block device of the host, nothing at all; or a node over another one, which shows a
// part of it or limits its rate. Nodes stand apart from the devices that use them and are named by node-name, as QEMU has it: a disk names the
// node (or the drive) that it is, and a node over another one names that.
//
// -blockdev makes one node. -drive is short for the nodes of one disk and a drive that the device names.

namespace Vmm.Core.Backends.Block;

/// <summary>A block node.</summary>
/// <param name="NodeName">Its name, unique among nodes and drives.</param>
public abstract record BlockNodeConfiguration(string NodeName)
{
    /// <summary>Every driver that there is: what -blockdev takes, and introspection shows.</summary>
    public static IReadOnlyList<string> Drivers { get; } =
    [
        FileNodeConfiguration.FileDriver,
        FileNodeConfiguration.HostDeviceDriver,
        NullNodeConfiguration.Name,
        RawNodeConfiguration.Name,
        ThrottleNodeConfiguration.Name,
    ];

    /// <summary>The driver as QEMU spells it; one of <see cref="Drivers"/>.</summary>
    public abstract string Driver { get; }

    /// <summary>The node that this one is over; null for one that is over none.</summary>
    public virtual string? Child => null;

    /// <summary>Whether nothing is ever written through it (read-only=on).</summary>
    public bool ReadOnly { get; init; }

    /// <summary>Whether a file that cannot be opened for writing is opened read-only instead of being an error (auto-read-only=on).</summary>
    public bool AutoReadOnly { get; init; }

    /// <summary>Whether the guest's discards give space back (discard=unmap); otherwise they do nothing.</summary>
    public bool Discard { get; init; }

    /// <summary>Whether the host's page cache is passed by (cache.direct=on).</summary>
    public bool CacheDirect { get; init; }

    /// <summary>Whether flushes of the guest do nothing (cache.no-flush=on): the disk is lost with the host.</summary>
    public bool CacheNoFlush { get; init; }
}

/// <summary>By what requests for a file are carried out (aio=).</summary>
public enum BlockAio
{
    /// <summary>By io_uring, or threads where the host does not grant it.</summary>
    Automatic,

    /// <summary>By threads.</summary>
    Threads,

    /// <summary>By io_uring, or not at all.</summary>
    IoUring,
}

/// <summary>Whether a file is locked as QEMU locks it (locking=).</summary>
public enum BlockLocking
{
    /// <summary>Where the file system can.</summary>
    Auto,

    /// <summary>In any case; a file system that cannot is an error.</summary>
    On,

    /// <summary>Never.</summary>
    Off,
}

/// <summary>A file, or a block device of the host.</summary>
/// <param name="NodeName">Its name.</param>
/// <param name="Filename">Its path.</param>
public sealed record FileNodeConfiguration(string NodeName, string Filename) : BlockNodeConfiguration(NodeName)
{
    /// <summary>The driver of a file.</summary>
    public const string FileDriver = "file";

    /// <summary>The driver of a block device.</summary>
    public const string HostDeviceDriver = "host_device";

    /// <summary>Whether it is a block device of the host, not a file.</summary>
    public bool IsHostDevice { get; init; }

    /// <summary>By what requests are carried out.</summary>
    public BlockAio Aio { get; init; }

    /// <summary>Whether it is locked.</summary>
    public BlockLocking Locking { get; init; }

    /// <inheritdoc/>
    public override string Driver => IsHostDevice ? HostDeviceDriver : FileDriver;
}

/// <summary>A disk that forgets what is written to it; for measurements.</summary>
/// <param name="NodeName">Its name.</param>
public sealed record NullNodeConfiguration(string NodeName) : BlockNodeConfiguration(NodeName)
{
    /// <summary>The driver.</summary>
    public const string Name = "null-co";

    /// <summary>Its size in bytes.</summary>
    public ulong Size { get; init; } = 1UL << 30;

    /// <summary>Whether reads give zeros (read-zeroes=on); otherwise they leave the buffers as they are.</summary>
    public bool ReadZeroes { get; init; }

    /// <inheritdoc/>
    public override string Driver => Name;
}

/// <summary>The bytes of another node, or a part of them, as they are.</summary>
/// <param name="NodeName">Its name.</param>
/// <param name="File">The node that it is over.</param>
public sealed record RawNodeConfiguration(string NodeName, string File) : BlockNodeConfiguration(NodeName)
{
    /// <summary>The driver.</summary>
    public const string Name = "raw";

    /// <summary>Where it begins in the other node, in bytes, a multiple of 512.</summary>
    public ulong Offset { get; init; }

    /// <summary>Its size in bytes, a multiple of 512; null for all that follows.</summary>
    public ulong? Size { get; init; }

    /// <summary>Whether the file under it must look as a raw one: no driver was named, and what is of another format is refused.</summary>
    public bool IsProbed { get; init; }

    /// <inheritdoc/>
    public override string Driver => Name;

    /// <inheritdoc/>
    public override string Child => File;
}

/// <summary>Another node at the rate of a throttle group.</summary>
/// <param name="NodeName">Its name.</param>
/// <param name="File">The node that it is over.</param>
/// <param name="Group">The id of the -object throttle-group.</param>
public sealed record ThrottleNodeConfiguration(string NodeName, string File, string Group) : BlockNodeConfiguration(NodeName)
{
    /// <summary>The driver.</summary>
    public const string Name = "throttle";

    /// <inheritdoc/>
    public override string Driver => Name;

    /// <inheritdoc/>
    public override string Child => File;
}

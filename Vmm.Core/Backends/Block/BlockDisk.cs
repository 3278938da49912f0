// A disk as its device sees it: the nodes from the one that the device names down to the image, seen as one. What the nodes between add is a
// beginning and a length (raw), limits (throttle), and flags that hold for the whole way; so a request meets no node, it meets this.

using System.Numerics;
using Vmm.Core.Loop;

namespace Vmm.Core.Backends.Block;

/// <summary>A disk that a device has. Control members: machine loop only.</summary>
public sealed class BlockDisk
{
    private const int MostInFlight = 4096;

    private readonly BlockImage _image;
    private readonly IReadOnlyList<ThrottleGroup> _groups;
    private readonly RawNodeConfiguration? _window;
    private int _stoppedBy;

    /// <summary>Looks at nodes as a disk.</summary>
    /// <param name="user">The device, for messages and queries.</param>
    /// <param name="nodes">The nodes, the uppermost first; the last is the image's.</param>
    /// <param name="image">The image.</param>
    /// <param name="drive">The drive by which it was named; null if the node was.</param>
    /// <param name="groups">The throttle groups that its requests have to pass.</param>
    /// <exception cref="BlockException">A node begins or ends where there is nothing.</exception>
    internal BlockDisk(
        string user, IReadOnlyList<BlockNodeConfiguration> nodes, BlockImage image, DriveConfiguration? drive, IReadOnlyList<ThrottleGroup> groups)
    {
        (User, _image, Drive) = (user, image, drive);
        _groups = [.. groups.Where(group => group.IsLimiting)];
        NodeName = nodes[0].NodeName;
        _window = nodes.OfType<RawNodeConfiguration>().FirstOrDefault(raw => raw.Offset > 0 || raw.Size is not null);
        Offset = (long)(_window?.Offset ?? 0);
        IsReadOnly = nodes.Any(node => node.ReadOnly) || !image.IsWritable;
        Discards = nodes.All(node => node.Discard);
        IgnoresFlush = nodes.Any(node => node.CacheNoFlush);
        if (_window is { Size: { } size } && (ulong)image.Length < _window.Offset + size)
        {
            throw new BlockException(
                $"The sum of offset ({_window.Offset}) and size ({size}) has to be smaller or equal to the actual size of the containing file ({image.Length})");
        }

        if (Offset > image.Length)
        {
            throw new BlockException($"Offset ({Offset}) cannot be greater than size of the containing file ({image.Length})");
        }
    }

    /// <summary>Raised when its size has changed.</summary>
    public event Action? Resized;

    /// <summary>What the device calls it: the id of the drive, or the name of the node.</summary>
    public string Name => Drive?.Id ?? NodeName;

    /// <summary>The device.</summary>
    public string User { get; }

    /// <summary>The node that the device uses.</summary>
    public string NodeName { get; }

    /// <summary>The drive by which the device has named it; null if it has named the node.</summary>
    public DriveConfiguration? Drive { get; }

    /// <summary>Its size in bytes, a multiple of 512. Any thread.</summary>
    public long Length => (long?)_window?.Size ?? Math.Max(_image.Length - Offset, 0);

    /// <summary>Whether it cannot be written to.</summary>
    public bool IsReadOnly { get; }

    /// <summary>Whether discards give space back.</summary>
    public bool Discards { get; }

    /// <summary>What offset and length of requests must be multiples of, in bytes.</summary>
    public uint RequestAlignment => _image.OffsetAlignment;

    /// <summary>What it has done so far.</summary>
    public BlockStatistics Statistics { get; } = new();

    /// <summary>The error that the guest was stopped for; 0 if it was not since it last continued. Any thread.</summary>
    public int StoppedBy
    {
        get => Volatile.Read(ref _stoppedBy);
        internal set => Volatile.Write(ref _stoppedBy, value);
    }

    /// <summary>Whether its size can be changed.</summary>
    internal bool HasFixedSize => _window?.Size is not null;

    /// <summary>Where it begins in the image, in bytes.</summary>
    internal long Offset { get; }

    /// <summary>Whether flushes do nothing.</summary>
    internal bool IgnoresFlush { get; }

    /// <summary>Connects it to the thread that serves its device's queues.</summary>
    /// <param name="thread">The thread.</param>
    /// <param name="mostRequests">How many requests there may be at once.</param>
    /// <exception cref="BlockException">The host refuses what that takes.</exception>
    public BlockQueue Connect(IIoThread thread, int mostRequests)
    {
        ArgumentNullException.ThrowIfNull(thread);
        var bounces = new BounceBuffers(isDirect: _image.MemoryAlignment > 1);
        try
        {
            int capacity = (int)Math.Min(BitOperations.RoundUpToPowerOf2((uint)mostRequests), MostInFlight);
            var requests = _image.File is null ? null : thread.CreateRequests(capacity, Engine);
            return new BlockQueue(this, _image, requests, bounces, thread, _groups);
        }
        catch (Exception refusal) when (refusal is IOException or OutOfMemoryException)
        {
            bounces.Dispose();
            throw new BlockException($"block node '{NodeName}': the host refuses what its requests take: {refusal.Message}", refusal);
        }
    }

    /// <summary>Its size has changed.</summary>
    internal void RaiseResized() => Resized?.Invoke();

    private IoEngine Engine => _image.Configuration is FileNodeConfiguration file
        ? file.Aio switch
        {
            BlockAio.Threads => IoEngine.Threads,
            BlockAio.IoUring => IoEngine.IoUring,
            _ => IoEngine.Automatic,
        }
        : IoEngine.Automatic;
}

namespace Vmm.Core.Devices.Virtio;

/// <summary>The buffers of one request: first those that the device reads, then those that it writes. Made once and filled for each request.</summary>
public sealed class DescriptorChain
{
    private readonly DescriptorSegment[] _segments;
    private int _readable;
    private int _count;
    private ulong _bytes;

    /// <summary>Makes an empty one.</summary>
    /// <param name="capacity">The most descriptors: the queue's largest size.</param>
    public DescriptorChain(int capacity) => _segments = new DescriptorSegment[capacity];

    /// <summary>The descriptor that it begins with, which is its name in the used ring.</summary>
    public ushort Head { get; private set; }

    /// <summary>What the device reads.</summary>
    public ReadOnlySpan<DescriptorSegment> Readable => _segments.AsSpan(0, _readable);

    /// <summary>What the device writes.</summary>
    public ReadOnlySpan<DescriptorSegment> Writable => _segments.AsSpan(_readable, _count - _readable);

    internal void Clear(ushort head)
    {
        Head = head;
        (_readable, _count, _bytes) = (0, 0, 0);
    }

    /// <summary>Adds a buffer.</summary>
    /// <returns>False if the driver may not give it: empty, one too many, readable after writable, or beyond 4 GiB in all.</returns>
    internal bool TryAdd(DescriptorSegment segment, bool isWritable)
    {
        _bytes += segment.Length;
        if (segment.Length == 0 || _bytes > uint.MaxValue || _count == _segments.Length || (!isWritable && _readable < _count))
        {
            return false;
        }

        _segments[_count++] = segment;
        _readable += isWritable ? 0 : 1;
        return true;
    }
}

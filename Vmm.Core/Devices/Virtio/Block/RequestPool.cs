namespace Vmm.Core.Devices.Virtio.Block;

/// <summary>As many requests as the queues of a device can have chains; taking one allocates nothing.</summary>
internal sealed class RequestPool
{
    private readonly QueuedRequest[] _free;
    private int _count;

    /// <summary>Makes them.</summary>
    /// <param name="count">How many.</param>
    /// <param name="mostSegments">The most descriptors of a chain.</param>
    /// <param name="completed">Called with the disk's answer to one.</param>
    internal RequestPool(int count, int mostSegments, Action<QueuedRequest, int> completed)
    {
        _free = [.. Enumerable.Range(0, count).Select(_ => new QueuedRequest(mostSegments, completed))];
        _count = count;
    }

    /// <summary>One that is idle. A queue gives no more chains than there are.</summary>
    internal QueuedRequest Take() => _free[--_count];

    internal void Return(QueuedRequest request) => _free[_count++] = request;
}

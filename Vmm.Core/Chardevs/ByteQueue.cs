namespace Vmm.Core.Chardevs;

/// <summary>A bounded queue of bytes that is never moved. Not thread-safe, allocates nothing.</summary>
/// <param name="capacity">The most bytes that it holds.</param>
internal sealed class ByteQueue(int capacity)
{
    private readonly byte[] _bytes = new byte[capacity];
    private int _first;

    internal int Count { get; private set; }

    /// <summary>Appends what fits and says how much that was.</summary>
    internal int Append(ReadOnlySpan<byte> bytes)
    {
        int taken = Math.Min(bytes.Length, capacity - Count);
        int at = (_first + Count) % capacity;
        int straight = Math.Min(taken, capacity - at);
        bytes[..straight].CopyTo(_bytes.AsSpan(at));
        bytes[straight..taken].CopyTo(_bytes);
        Count += taken;
        return taken;
    }

    /// <summary>Copies bytes that stay in the queue.</summary>
    /// <param name="bytes">Takes as many as there are, or as fit.</param>
    /// <param name="from">How many at the front are passed over; no more than there are.</param>
    /// <returns>How many were copied.</returns>
    internal int CopyTo(Span<byte> bytes, int from = 0)
    {
        int copied = Math.Min(bytes.Length, Count - from);
        int at = (_first + from) % capacity;
        int straight = Math.Min(copied, capacity - at);
        _bytes.AsSpan(at, straight).CopyTo(bytes);
        _bytes.AsSpan(0, copied - straight).CopyTo(bytes[straight..]);
        return copied;
    }

    /// <summary>Takes bytes away from the front.</summary>
    internal void Remove(int count)
    {
        _first = (_first + count) % capacity;
        Count -= count;
    }
}

// Aligned memory for direct requests of a guest whose own buffers are not aligned as the host wants it. There are a few, made with the disk, and a
// request that finds none waits. A request longer than a buffer goes through it part by part.

using Vmm.Core.Loop;
using Vmm.Core.Native;

namespace Vmm.Core.Backends.Block;

/// <summary>The bounce buffers of one disk, and its zeros.</summary>
internal sealed class BounceBuffers : IDisposable
{
    private const int Count = 4;
    private const int Length = 256 << 10;

    private readonly Stack<BounceBuffer> _free = new(Count);
    private readonly AlignedMemory _zeros = new(Length);
    private readonly AlignedMemory? _memory;
    private int _inUse;
    private bool _isDisposed;

    /// <summary>Makes them.</summary>
    /// <param name="isDirect">Whether requests may have to be aligned; otherwise there are only zeros.</param>
    internal BounceBuffers(bool isDirect)
    {
        if (isDirect)
        {
            _memory = new AlignedMemory(Count * Length);
            for (int i = 0; i < Count; i++)
            {
                _free.Push(new BounceBuffer(_memory.Address + (i * Length), Length));
            }
        }
    }

    /// <summary>One for a request; null if all are in use.</summary>
    internal BounceBuffer? TryTake(BlockRequest request)
    {
        if (!_free.TryPop(out var buffer))
        {
            return null;
        }

        _inUse++;
        buffer.Request = request;
        return buffer;
    }

    /// <summary>It is free again.</summary>
    internal void Return(BounceBuffer buffer)
    {
        _inUse--;
        buffer.Request = null;
        _free.Push(buffer);
        Free();
    }

    /// <summary>Gives a request as many zeros as are left to be written, or as it has room for.</summary>
    internal void AddZeros(IoRequest io, long left)
    {
        io.Clear();
        while (left > 0 && io.TryAddBuffer(_zeros.Address, (nuint)Math.Min(left, Length)))
        {
            left -= Length;
        }
    }

    /// <summary>Frees the memory, now or when the last request has returned its buffer.</summary>
    public void Dispose()
    {
        _isDisposed = true;
        Free();
    }

    private void Free()
    {
        if (_isDisposed && _inUse == 0)
        {
            _memory?.Dispose();
            _zeros.Dispose();
        }
    }
}

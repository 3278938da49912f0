using Vmm.Core.Loop;
using Vmm.Core.Native;

namespace Vmm.Core.Backends.Block;

/// <summary>Aligned memory that stands for a request's own buffers, a part at a time.</summary>
internal sealed class BounceBuffer
{
    private readonly nint _memory;
    private readonly int _capacity;
    private int _length;

    internal BounceBuffer(nint memory, int capacity)
    {
        (_memory, _capacity) = (memory, capacity);
        Io = new IoRequest(1, _ => Request!.Queue!.Continue(Request));
    }

    /// <summary>What goes to the host.</summary>
    internal IoRequest Io { get; }

    /// <summary>The request that it is used for.</summary>
    internal BlockRequest? Request { get; set; }

    /// <summary>Prepares the next part: for a write with its bytes.</summary>
    /// <returns>False if the request's own buffers cannot be read.</returns>
    internal bool TryFill(BlockRequest request, long left)
    {
        _length = (int)Math.Min(left, _capacity);
        Io.Clear();
        Io.TryAddBuffer(_memory, (nuint)_length);
        return request.Step == IoOperation.Read || TryCopy(request.Io, _length, toBounce: true);
    }

    /// <summary>A part was moved: what was read goes to the request's own buffers.</summary>
    /// <returns>Bytes, or a negative error number.</returns>
    internal int Moved(BlockRequest request, int result)
    {
        result = Io.Result;
        return result > 0 && request.Step == IoOperation.Read && !TryCopy(request.Io, result, toBounce: false) ? -VectorIo.BadAddress : result;
    }

    private bool TryCopy(IoRequest own, int length, bool toBounce)
    {
        try
        {
            nint at = _memory;
            foreach (var buffer in own.Buffers.AsSpan(0, own.BufferCount))
            {
                int part = (int)Math.Min(buffer.Length, (nuint)length);
                MemoryCopy.Copy(toBounce ? buffer.Base : at, toBounce ? at : buffer.Base, part);
                at += part;
                length -= part;
                if (length == 0)
                {
                    break;
                }
            }

            return true;
        }
        catch (PosixException)
        {
            return false;
        }
    }
}

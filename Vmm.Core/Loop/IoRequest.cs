using System.Runtime.InteropServices;
using Vmm.Core.Native;

namespace Vmm.Core.Loop;

/// <summary>A request for a file, made once and used again and again. Only the I/O thread touches it.</summary>
public sealed class IoRequest
{
    private const int PunchHoleKeepSize = 3; // FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE
    private const int ZeroRangeKeepSize = 17; // FALLOC_FL_ZERO_RANGE | FALLOC_FL_KEEP_SIZE

    private readonly NativeMethods.IoVector[] _buffers;
    private readonly Action<IoRequest> _completed;

    /// <summary>Creates an idle one.</summary>
    /// <param name="mostBuffers">How many buffers it may have.</param>
    /// <param name="completed">Called on the I/O thread when <see cref="Result"/> is there; it may submit the request anew.</param>
    public IoRequest(int mostBuffers, Action<IoRequest> completed)
    {
        ArgumentNullException.ThrowIfNull(completed);
        _completed = completed;
        _buffers = GC.AllocateArray<NativeMethods.IoVector>(mostBuffers, pinned: true);
    }

    /// <summary>Whether it was submitted and has no result yet.</summary>
    public bool IsInFlight { get; private set; }

    /// <summary>The bytes moved, which may be fewer than asked for; 0 for other operations; or a negative error number.</summary>
    public int Result { get; private set; }

    internal IoOperation Operation { get; private set; }

    /// <summary>How fallocate(2) discards or zeroes.</summary>
    internal int AllocateMode => Operation == IoOperation.Discard ? PunchHoleKeepSize : ZeroRangeKeepSize;

    internal SafeHandle? File { get; private set; }

    internal long Offset { get; private set; }

    internal long Length { get; private set; }

    internal NativeMethods.IoVector[] Buffers => _buffers;

    internal int BufferCount { get; private set; }

    /// <summary>Forgets the buffers.</summary>
    /// <exception cref="InvalidOperationException">It is in flight.</exception>
    public void Clear()
    {
        RequireIdle();
        BufferCount = 0;
    }

    /// <summary>Adds a buffer; its memory stays mapped until the request is complete.</summary>
    /// <returns>False if there are too many.</returns>
    /// <exception cref="InvalidOperationException">It is in flight.</exception>
    public bool TryAddBuffer(nint address, nuint length)
    {
        RequireIdle();
        if (BufferCount == _buffers.Length)
        {
            return false;
        }

        _buffers[BufferCount++] = new NativeMethods.IoVector { Base = address, Length = length };
        return true;
    }

    /// <summary>Takes the first bytes off the buffers: they were moved already, and the rest is to be.</summary>
    /// <exception cref="InvalidOperationException">It is in flight.</exception>
    public void Skip(ulong bytes)
    {
        RequireIdle();
        int whole = 0;
        while (whole < BufferCount && bytes >= _buffers[whole].Length)
        {
            bytes -= _buffers[whole++].Length;
        }

        BufferCount -= whole;
        Array.Copy(_buffers, whole, _buffers, 0, BufferCount);
        if (BufferCount > 0)
        {
            _buffers[0].Base += (nint)bytes;
            _buffers[0].Length -= (nuint)bytes;
        }
    }

    /// <summary>It is handed over: the file stays open until <see cref="End"/>.</summary>
    internal void Begin(IoOperation operation, SafeHandle file, long offset, long length)
    {
        RequireIdle();
        bool added = false;
        file.DangerousAddRef(ref added);
        (Operation, File, Offset, Length) = (operation, file, offset, length);
        IsInFlight = true;
    }

    /// <summary>Notes the result, without calling back.</summary>
    internal void End(int result)
    {
        Result = result;
        IsInFlight = false;
        var file = File!;
        File = null;
        file.DangerousRelease();
    }

    internal void CallBack() => _completed(this);

    private void RequireIdle()
    {
        if (IsInFlight)
        {
            throw new InvalidOperationException("the request is in flight");
        }
    }
}

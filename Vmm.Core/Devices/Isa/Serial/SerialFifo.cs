using Vmm.Core.State;

namespace Vmm.Core.Devices.Isa.Serial;

/// <summary>One of the two FIFOs, over memory of the state record.</summary>
internal readonly ref struct SerialFifo
{
    internal const int Depth = 16;

    private readonly Span<byte> _bytes;
    private readonly ref byte _count;

    internal SerialFifo(Span<byte> bytes, ref byte count)
    {
        _bytes = bytes;
        _count = ref count;
    }

    internal ReadOnlySpan<byte> Waiting => _bytes[.._count];

    internal void Append(byte value) => _bytes[_count++] = value;

    internal void Remove(int count)
    {
        _bytes[count.._count].CopyTo(_bytes);
        _count -= (byte)count;
    }

    internal void Clear() => _count = 0;

    /// <summary>After it was loaded.</summary>
    /// <exception cref="StateException">It says that more is in it than can be.</exception>
    internal static void RequireFits(string fifo, byte count)
    {
        if (count > Depth)
        {
            throw new StateException($"serial {fifo}: 0 to {Depth} bytes expected, {count} found");
        }
    }
}

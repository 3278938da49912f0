// The bytes of saved state: big endian integers, raw buffers, length-prefixed names, as QEMU's streams have them.
//
// One writer is made ahead of a handover and its buffer is reused, so that saving inside the pause allocates nothing
// once the buffer has grown to its working size.

using System.Buffers.Binary;
using System.Text;

namespace Vmm.Core.State;

/// <summary>A growing buffer that device state is written to.</summary>
public sealed class StateWriter
{
    private byte[] _buffer;
    private int _length;

    /// <summary>Creates a writer.</summary>
    /// <param name="capacity">Bytes to reserve ahead.</param>
    public StateWriter(int capacity = 64 * 1024) => _buffer = new byte[capacity];

    /// <summary>What has been written so far; valid until the next write.</summary>
    public ReadOnlySpan<byte> Written => _buffer.AsSpan(0, _length);

    /// <summary>The same bytes as memory, for asynchronous sends; valid until the next write.</summary>
    public ReadOnlyMemory<byte> WrittenMemory => _buffer.AsMemory(0, _length);

    /// <summary>Bytes written so far.</summary>
    public int Length => _length;

    /// <summary>Forgets what was written and keeps the buffer.</summary>
    public void Clear() => _length = 0;

    /// <summary>Reserves <paramref name="count"/> bytes and hands them out to be filled.</summary>
    public Span<byte> Reserve(int count)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(count);
        if (_buffer.Length - _length < count)
        {
            Array.Resize(ref _buffer, Math.Max(_buffer.Length * 2, checked(_length + count)));
        }

        var span = _buffer.AsSpan(_length, count);
        _length += count;
        return span;
    }

    /// <summary>Writes one byte.</summary>
    public void WriteByte(byte value) => Reserve(1)[0] = value;

    /// <summary>Writes 16 bits, big endian.</summary>
    public void WriteUInt16(ushort value) => BinaryPrimitives.WriteUInt16BigEndian(Reserve(2), value);

    /// <summary>Writes 32 bits, big endian.</summary>
    public void WriteUInt32(uint value) => BinaryPrimitives.WriteUInt32BigEndian(Reserve(4), value);

    /// <summary>Writes 64 bits, big endian.</summary>
    public void WriteUInt64(ulong value) => BinaryPrimitives.WriteUInt64BigEndian(Reserve(8), value);

    /// <summary>Writes bytes as they are.</summary>
    public void WriteBytes(ReadOnlySpan<byte> bytes) => bytes.CopyTo(Reserve(bytes.Length));

    /// <summary>Writes a name: one length byte, then that many bytes of UTF-8.</summary>
    /// <exception cref="ArgumentException">The name has more than 127 bytes, which readers of such streams cannot take.</exception>
    public void WriteName(string name)
    {
        int length = Encoding.UTF8.GetByteCount(name);
        if (length > sbyte.MaxValue)
        {
            throw new ArgumentException($"state name '{name}' has {length} bytes, at most 127 are allowed", nameof(name));
        }

        WriteByte((byte)length);
        Encoding.UTF8.GetBytes(name, Reserve(length));
    }

    /// <summary>Overwrites 32 bits written earlier, such as a length that was not yet known.</summary>
    public void PatchUInt32(int position, uint value) =>
        BinaryPrimitives.WriteUInt32BigEndian(_buffer.AsSpan(0, _length).Slice(position, 4), value);

    /// <summary>Bytes written earlier, to be filled in now that they are known; valid until the next write.</summary>
    public Span<byte> WritableSpan(int position, int count) => _buffer.AsSpan(0, _length).Slice(position, count);

    /// <summary>Writes one record by its layout.</summary>
    public void Write<T>(StateLayout<T> layout, T state)
        where T : class
    {
        ArgumentNullException.ThrowIfNull(layout);
        layout.Save(this, state);
    }
}

using System.Buffers.Binary;
using System.Text;

namespace Vmm.Core.State;

/// <summary>Reads what a <see cref="StateWriter"/> wrote; every read is checked against the end of the bytes.</summary>
/// <param name="bytes">The saved state.</param>
public sealed class StateReader(ReadOnlyMemory<byte> bytes)
{
    private readonly Func<int, ReadOnlyMemory<byte>>? _more;
    private ReadOnlyMemory<byte> _bytes = bytes;
    private int _position;

    /// <summary>Reads state while it arrives.</summary>
    /// <param name="more">Gives all bytes that have come so far: at least as many as it is asked for, unless there are no more.</param>
    public StateReader(Func<int, ReadOnlyMemory<byte>> more)
        : this(ReadOnlyMemory<byte>.Empty) => _more = more;

    /// <summary>Where the next read happens, in bytes from the start.</summary>
    public int Position => _position;

    /// <summary>The version of the section being read; 0 outside a section, where a record has its layout's own version.</summary>
    public int SectionVersion { get; set; }

    /// <summary>Bytes not yet read, of those that have come.</summary>
    public int Remaining => _bytes.Length - _position;

    /// <summary>Takes <paramref name="count"/> bytes.</summary>
    /// <exception cref="StateException">Fewer are left.</exception>
    public ReadOnlySpan<byte> ReadBytes(int count)
    {
        if (count < 0 || !Has(count))
        {
            throw new StateException($"state is truncated: {count} bytes expected at offset {_position}, {Remaining} left");
        }

        var span = _bytes.Span.Slice(_position, count);
        _position += count;
        return span;
    }

    /// <summary>Reads one byte.</summary>
    public byte ReadByte() => ReadBytes(1)[0];

    /// <summary>Reads 16 bits, big endian.</summary>
    public ushort ReadUInt16() => BinaryPrimitives.ReadUInt16BigEndian(ReadBytes(2));

    /// <summary>Reads 32 bits, big endian.</summary>
    public uint ReadUInt32() => BinaryPrimitives.ReadUInt32BigEndian(ReadBytes(4));

    /// <summary>Reads 64 bits, big endian.</summary>
    public ulong ReadUInt64() => BinaryPrimitives.ReadUInt64BigEndian(ReadBytes(8));

    /// <summary>Reads a name written by <see cref="StateWriter.WriteName"/>.</summary>
    public string ReadName() => Encoding.UTF8.GetString(ReadBytes(ReadByte()));

    /// <summary>The byte at the read position, or -1 at the end.</summary>
    public int PeekByte() => Has(1) ? _bytes.Span[_position] : -1;

    /// <summary>Reads one record by its layout.</summary>
    public void Read<T>(StateLayout<T> layout, T state)
        where T : class
    {
        ArgumentNullException.ThrowIfNull(layout);
        layout.Load(this, state, VersionOf(layout));
        SubsectionHead.RequireNone(this, layout);
    }

    /// <summary>Reads one record by its layout, not for its values but for what a stream's description says of it.</summary>
    /// <exception cref="StateException">The bytes are no state of this layout.</exception>
    public StateDescription Describe(StateLayout layout)
    {
        ArgumentNullException.ThrowIfNull(layout);
        var description = StateDescriber.Describe(this, layout, VersionOf(layout));
        SubsectionHead.RequireNone(this, layout);
        return description;
    }

    /// <summary>Goes back to where an earlier read began.</summary>
    internal void Rewind(int position) => _position = position;

    /// <summary>Whether so many bytes follow; those that have not come are waited for.</summary>
    private bool Has(int count)
    {
        if (count > Remaining && _more is not null)
        {
            _bytes = _more(checked(_position + count));
        }

        return count <= Remaining;
    }

    private int VersionOf(StateLayout layout) => SectionVersion == 0 ? layout.Version : SectionVersion;
}

// A saved stream as it is read: from the front, once, through a buffer of fixed size. Each error says where in the stream it is.

using System.Buffers.Binary;
using System.Text;
using Vmm.Core.State;
using Vmm.Migration.Channels;

namespace Vmm.Migration.Streams;

/// <summary>Reads a stream's numbers, names and bytes.</summary>
/// <param name="read">Fills a buffer with at least one byte; 0 is the end.</param>
internal sealed class StreamInput(StreamInput.ReadSome read)
{
    private const int Capacity = 1 << 20;

    private readonly byte[] _buffer = new byte[Capacity];
    private ulong _before;
    private int _position;
    private int _filled;

    /// <summary>Reads at least one byte; 0 is the end.</summary>
    internal delegate int ReadSome(Span<byte> buffer);

    /// <summary>Where the next read happens, in bytes from the start of the stream.</summary>
    internal ulong Position => _before + (ulong)_position;

    internal byte ReadByte() => Take(1)[0];

    /// <summary>The next byte, which stays to be read.</summary>
    internal byte PeekByte()
    {
        byte next = ReadByte();
        _position--;
        return next;
    }

    internal uint ReadUInt32() => BinaryPrimitives.ReadUInt32BigEndian(Take(sizeof(uint)));

    internal ulong ReadUInt64() => BinaryPrimitives.ReadUInt64BigEndian(Take(sizeof(ulong)));

    /// <summary>Reads a name: one length byte, then that many bytes of UTF-8.</summary>
    internal string ReadName() => Encoding.UTF8.GetString(Take(ReadByte()));

    /// <summary>Reads bytes behind their length.</summary>
    /// <param name="what">What they are.</param>
    /// <param name="most">How many there may be.</param>
    internal byte[] ReadBlob(string what, int most)
    {
        uint length = ReadUInt32();
        if (length > most)
        {
            throw Damaged($"a {what} of {length} bytes was announced, at most {most} is taken");
        }

        byte[] bytes = new byte[length];
        for (int done = 0; done < bytes.Length;)
        {
            int part = Math.Min(bytes.Length - done, Capacity);
            Take(part).CopyTo(bytes.AsSpan(done));
            done += part;
        }

        return bytes;
    }

    /// <summary>Takes some bytes, which are valid until the next read.</summary>
    /// <param name="count">How many, at most 1 MiB.</param>
    /// <exception cref="StateException">The stream ends before.</exception>
    internal ReadOnlySpan<byte> Take(int count)
    {
        while (_filled - _position < count)
        {
            if (_position > 0)
            {
                _buffer.AsSpan(_position, _filled - _position).CopyTo(_buffer);
                _before += (ulong)_position;
                _filled -= _position;
                _position = 0;
            }

            int got = read(_buffer.AsSpan(_filled));
            if (got == 0)
            {
                throw Damaged($"the stream ends: {count} bytes expected, {_filled} left");
            }

            _filled += got;
        }

        var taken = _buffer.AsSpan(_position, count);
        _position += count;
        return taken;
    }

    /// <summary>Takes what is there, at least one byte, which is valid until the next read; none at the stream's end.</summary>
    internal ReadOnlySpan<byte> TakeSome()
    {
        if (_position == _filled)
        {
            _before += (ulong)_filled;
            (_position, _filled) = (0, 0);
            _filled = read(_buffer);
        }

        var taken = _buffer.AsSpan(_position, _filled - _position);
        _position = _filled;
        return taken;
    }

    /// <summary>Reads what closes a section.</summary>
    internal void ReadFooter(uint id)
    {
        Expect("section footer", VmStateStream.Footer, ReadByte());
        Expect("section number in a footer", id, ReadUInt32());
    }

    internal void Expect(string what, uint expected, uint found)
    {
        if (expected != found)
        {
            throw Damaged($"{what} 0x{expected:x} expected, 0x{found:x} found");
        }
    }

    /// <summary>The error of a stream that is not what it should be here.</summary>
    internal StateException Damaged(string what, Exception? cause = null) => DamagedAt(Position, what, cause);

    /// <summary>The error of a stream that is not what it should be.</summary>
    /// <param name="position">Where, in bytes from its start.</param>
    /// <param name="what">What was expected, and what is there.</param>
    /// <param name="cause">The error underneath, if any.</param>
    internal static StateException DamagedAt(ulong position, string what, Exception? cause = null)
    {
        string message = $"the stream cannot be loaded, at byte {position}: {what}";
        return cause is null ? new StateException(message) : new StateException(message, cause);
    }
}

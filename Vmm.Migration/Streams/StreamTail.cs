namespace Vmm.Migration.Streams;

/// <summary>The part of a stream behind RAM, kept as it comes: a section's length is known only when it was read.</summary>
/// <param name="input">The stream.</param>
/// <param name="most">How many bytes there may be.</param>
internal sealed class StreamTail(StreamInput input, int most)
{
    private readonly ulong _begin = input.Position;
    private byte[] _bytes = new byte[64 << 10];
    private int _length;

    /// <summary>All bytes that have come so far, at least <paramref name="count"/> unless the stream ends before.</summary>
    /// <exception cref="Vmm.Core.State.StateException">There are more than there may be.</exception>
    internal ReadOnlyMemory<byte> Take(int count)
    {
        if (count > most)
        {
            throw StreamInput.DamagedAt(_begin + (ulong)_length, $"the state of devices, with its description, has more than {most} bytes");
        }

        while (_length < count && input.TakeSome() is { IsEmpty: false } some)
        {
            if (_bytes.Length - _length < some.Length)
            {
                Array.Resize(ref _bytes, Math.Max(2 * _bytes.Length, _length + some.Length));
            }

            some.CopyTo(_bytes.AsSpan(_length));
            _length += some.Length;
        }

        return _bytes.AsMemory(0, _length);
    }
}

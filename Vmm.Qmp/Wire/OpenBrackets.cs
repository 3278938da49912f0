using Vmm.Core.State;

namespace Vmm.Qmp.Wire;

/// <summary>
/// The brackets that are open, of good and of bad values: a closing one closes the nearest of its kind and all inside it. One that has no
/// counterpart closes all, as in QEMU: otherwise a value that was closed with the wrong bracket would swallow every request after it.
/// </summary>
/// <param name="most">Brackets whose kinds are remembered; of deeper ones only their number is, and any closing bracket closes one.</param>
internal sealed class OpenBrackets(int most)
{
    private readonly byte[] _closers = new byte[most];
    private int _depth;
    private long _deeper;

    /// <summary>Whether any bracket is open.</summary>
    internal bool Any => _depth > 0;

    /// <summary>Counts a byte that may be a bracket.</summary>
    /// <returns>False when it opened one level too many.</returns>
    internal bool Apply(byte b)
    {
        switch (b)
        {
            case (byte)'{':
                return Open((byte)'}');
            case (byte)'[':
                return Open((byte)']');
            case (byte)'}' or (byte)']':
                Close(b);
                return true;
            default:
                return true;
        }
    }

    /// <summary>Forgets all.</summary>
    internal void Clear()
    {
        _depth = 0;
        _deeper = 0;
    }

    /// <summary>Writes what is open.</summary>
    internal void Save(StateWriter record)
    {
        record.WriteUInt64((ulong)_deeper);
        record.WriteBlob(_closers.AsSpan(0, _depth));
    }

    /// <summary>Takes what <see cref="Save"/> wrote.</summary>
    /// <exception cref="StateException">It cannot have been open.</exception>
    internal void Load(StateReader record)
    {
        ulong deeper = record.ReadUInt64();
        byte[] closers = record.ReadBlob();
        if (closers.Length > _closers.Length || deeper > long.MaxValue || closers.AsSpan().ContainsAnyExcept((byte)'}', (byte)']'))
        {
            throw RecordFields.Damaged("brackets are open that cannot be");
        }

        closers.CopyTo(_closers, 0);
        (_depth, _deeper) = (closers.Length, (long)deeper);
    }

    private bool Open(byte closer)
    {
        if (_depth == _closers.Length)
        {
            _deeper++;
            return false;
        }

        _closers[_depth++] = closer;
        return true;
    }

    private void Close(byte closer)
    {
        if (_deeper > 0)
        {
            _deeper--;
            return;
        }

        _depth = Math.Max(0, _closers.AsSpan(0, _depth).LastIndexOf(closer));
    }
}

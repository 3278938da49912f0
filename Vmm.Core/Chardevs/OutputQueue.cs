// A few kilobytes between a guest that writes and a reader that is slow. What is in here has been accepted: it is delivered,
// once and in order, by this process or by the one that takes the guest over.

using Vmm.Core.State;

namespace Vmm.Core.Chardevs;

/// <summary>The bounded queue of accepted output. Not thread-safe.</summary>
internal sealed class OutputQueue
{
    private readonly ChardevState _state = new();

    /// <summary>What is waiting, as a record of state.</summary>
    internal ChardevState State => _state;

    internal int Count => _state.Queued;

    internal int Free => ChardevState.Capacity - _state.Queued;

    internal ReadOnlySpan<byte> Waiting => _state.Bytes.AsSpan(0, _state.Queued);

    /// <summary>Appends what fits and says how much that was.</summary>
    internal int Append(ReadOnlySpan<byte> bytes)
    {
        int taken = Math.Min(bytes.Length, Free);
        bytes[..taken].CopyTo(_state.Bytes.AsSpan(_state.Queued));
        _state.Queued += taken;
        return taken;
    }

    /// <summary>Takes delivered bytes away from the front.</summary>
    internal void Remove(int count)
    {
        Waiting[count..].CopyTo(_state.Bytes);
        _state.Queued -= count;
    }

    internal void Clear() => _state.Queued = 0;

    internal void Save(StateWriter writer)
    {
        ClearRest();
        writer.Write(ChardevState.Layout, _state);
    }

    internal void Load(StateReader reader)
    {
        reader.Read(ChardevState.Layout, _state);
        Check();
    }

    /// <summary>Before it is saved: what is behind the waiting bytes is old output; it does not travel.</summary>
    internal void ClearRest() => _state.Bytes.AsSpan(_state.Queued).Clear();

    /// <summary>After it was loaded.</summary>
    /// <exception cref="StateException">It says that more waits than can.</exception>
    internal void Check()
    {
        if (_state.Queued is < 0 or > ChardevState.Capacity)
        {
            throw new StateException($"chardev queued: 0 to {ChardevState.Capacity} expected, {_state.Queued} found");
        }
    }
}

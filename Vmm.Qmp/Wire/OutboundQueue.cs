// All that goes to one client, in one order.
//
// The order is made on the machine loop: an event takes its place when it happens, a reply when its command ends. The text
// of a reply is ready only later, on another thread; it is filled into the place it has, and what is behind it waits for it. So no event
// overtakes a reply, and no reply an event.
//
// A client that does not read is not waited for: when more than the limit is queued, the owner is asked to disconnect it. One
// message may be larger than the limit.

using Vmm.Core.State;

namespace Vmm.Qmp.Wire;

/// <summary>A session's outbound messages. Any thread.</summary>
/// <param name="limit">Bytes that may wait before another message is added.</param>
/// <param name="changed">Called after bytes became ready, outside of all locks.</param>
/// <param name="overflowed">Called when the limit is passed.</param>
internal sealed class OutboundQueue(long limit, Action changed, Action overflowed)
{
    /// <summary>What a session may leave unread.</summary>
    internal const long DefaultLimit = 16 << 20;

    private readonly Lock _lock = new();
    private readonly Queue<OutboundMessage> _messages = new();
    private TaskCompletionSource? _empty;
    private TaskCompletionSource? _filled;
    private int _places;
    private long _waiting;
    private int _sent;
    private bool _closed;

    /// <summary>Whether nothing waits, neither text nor a place.</summary>
    internal bool IsEmpty
    {
        get
        {
            lock (_lock)
            {
                return _messages.Count == 0;
            }
        }
    }

    /// <summary>Takes the next place for a message that is filled in later.</summary>
    internal OutboundMessage Reserve()
    {
        var message = new OutboundMessage();
        lock (_lock)
        {
            if (!_closed)
            {
                _messages.Enqueue(message);
                _places++;
            }
        }

        return message;
    }

    /// <summary>Gives a message its text.</summary>
    internal void Fill(OutboundMessage message, ReadOnlyMemory<byte> bytes)
    {
        bool overflow;
        TaskCompletionSource? filled = null;
        lock (_lock)
        {
            if (!_closed && --_places == 0)
            {
                (filled, _filled) = (_filled, null);
            }

            message.Bytes = bytes;
            overflow = _waiting > limit;
            _waiting += bytes.Length;
        }

        filled?.SetResult();
        (overflow ? overflowed : changed)();
    }

    /// <summary>Adds a message.</summary>
    internal void Enqueue(ReadOnlyMemory<byte> bytes) => Fill(Reserve(), bytes);

    /// <summary>The bytes to send next; false when there are none yet. One reader only.</summary>
    internal bool TryPeek(out ReadOnlyMemory<byte> bytes)
    {
        TaskCompletionSource? empty = null;
        bool found = false;
        bytes = default;
        lock (_lock)
        {
            while (!found && _messages.TryPeek(out var message) && message.Bytes is { } text)
            {
                bytes = text[_sent..];
                found = !bytes.IsEmpty;
                if (!found)
                {
                    _messages.Dequeue();
                    _sent = 0;
                }
            }

            if (_messages.Count == 0)
            {
                (empty, _empty) = (_empty, null);
            }
        }

        empty?.SetResult();
        return found;
    }

    /// <summary>Notes that bytes were sent.</summary>
    internal void Advance(int count)
    {
        lock (_lock)
        {
            _sent += count;
            _waiting -= count;
        }
    }

    /// <summary>Completes when every place has its text, or the client has disconnected.</summary>
    internal Task WhenFilled()
    {
        lock (_lock)
        {
            if (_closed || _places == 0)
            {
                return Task.CompletedTask;
            }

            _filled ??= new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
            return _filled.Task;
        }
    }

    /// <summary>Writes the bytes that wait, from the first that was not sent. No message is being written now.</summary>
    internal void Save(StateWriter record)
    {
        lock (_lock)
        {
            int at = record.Length;
            record.WriteUInt32(0);
            int sent = _sent;
            foreach (var message in _messages)
            {
                record.WriteBytes(message.Bytes.GetValueOrDefault().Span[sent..]);
                sent = 0;
            }

            record.PatchUInt32(at, (uint)(record.Length - at - sizeof(uint)));
        }
    }

    /// <summary>Completes when all that is queued now has been sent, or never will be.</summary>
    internal Task WhenEmpty()
    {
        lock (_lock)
        {
            if (_messages.Count == 0)
            {
                return Task.CompletedTask;
            }

            _empty ??= new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
            return _empty.Task;
        }
    }

    /// <summary>Drops everything, now and later: the client has disconnected.</summary>
    internal void Close()
    {
        TaskCompletionSource? empty;
        TaskCompletionSource? filled;
        lock (_lock)
        {
            _closed = true;
            _messages.Clear();
            (empty, _empty) = (_empty, null);
            (filled, _filled) = (_filled, null);
        }

        empty?.SetResult();
        filled?.SetResult();
    }
}

// Which descriptor belongs to which command.
//
// SCM_RIGHTS ties descriptors to bytes, but the kernel may deliver bytes that were sent before, without descriptors, in the
// same receive: all that is known is that they belong somewhere in the piece of the stream that came with them. So any
// command that ends in or after that piece may claim one, oldest first, and the last command of the piece closes what is left
// at its end. Some clients send a descriptor on a space of its own before the command: when the piece ends with one, it is
// the next command that closes.

using Microsoft.Win32.SafeHandles;

namespace Vmm.Qmp.Sessions;

/// <summary>Descriptors that came over a session's socket and that no command has taken. Any thread.</summary>
internal sealed class ReceivedDescriptors : IDisposable
{
    private const int Most = 256;

    private readonly Lock _lock = new();
    private readonly LinkedList<(SafeFileHandle Handle, long Start, long End)> _pending = new();
    private bool _disposed;

    /// <summary>Takes in what came with a piece of the stream.</summary>
    /// <param name="handles">The descriptors.</param>
    /// <param name="start">Bytes of the stream before the piece.</param>
    /// <param name="piece">The piece.</param>
    internal void Add(IEnumerable<SafeFileHandle> handles, long start, ReadOnlySpan<byte> piece)
    {
        var text = piece.TrimEnd("\r\n"u8);
        bool endsBlank = text.IsEmpty || text[^1] is (byte)' ' or (byte)'\t';
        long end = start + (endsBlank ? piece.Length + 1 : text.Length);
        lock (_lock)
        {
            foreach (var handle in handles)
            {
                if (_disposed)
                {
                    handle.Dispose();
                    continue;
                }

                _pending.AddLast((handle, start, end));
                if (_pending.Count > Most)
                {
                    _pending.First!.Value.Handle.Dispose();
                    _pending.RemoveFirst();
                }
            }
        }
    }

    /// <summary>What no command has taken, with the piece of the stream that each came with, oldest first.</summary>
    internal IReadOnlyList<(SafeFileHandle Handle, long Start, long End)> Pending
    {
        get
        {
            lock (_lock)
            {
                return [.. _pending];
            }
        }
    }

    /// <summary>Takes in what had come to another program before this one took its place.</summary>
    internal void Add(SafeFileHandle handle, long start, long end)
    {
        lock (_lock)
        {
            _pending.AddLast((handle, start, end));
        }
    }

    /// <summary>Takes the oldest descriptor that a command may claim.</summary>
    /// <param name="commandEnd">Bytes of the stream up to the command's end.</param>
    internal SafeFileHandle? Take(long commandEnd)
    {
        lock (_lock)
        {
            if (_pending.First is not { } first || first.Value.Start >= commandEnd)
            {
                return null;
            }

            _pending.Remove(first);
            return first.Value.Handle;
        }
    }

    /// <summary>Closes what no later command may claim.</summary>
    internal void Release(long commandEnd)
    {
        lock (_lock)
        {
            for (var node = _pending.First; node is not null;)
            {
                var next = node.Next;
                if (node.Value.End <= commandEnd)
                {
                    node.Value.Handle.Dispose();
                    _pending.Remove(node);
                }

                node = next;
            }
        }
    }

    /// <summary>Closes all, now and later.</summary>
    public void Dispose()
    {
        lock (_lock)
        {
            _disposed = true;
            foreach (var (handle, _, _) in _pending)
            {
                handle.Dispose();
            }

            _pending.Clear();
        }
    }
}

// A ring of bytes in place of a reader: what the guest writes is kept, the oldest byte gives way to the newest, and a management client takes it
// out with ringbuf-read. There is no input.
//
// The bytes are in a file (RingFile) that crosses a handover as a descriptor, so that a large ring costs the pause nothing. How far it was written
// and read is state. The file is shared with the next process while the guest is on its way, so it is touched only between Start and Quiesce; what
// is written or asked at other times waits in the queue, or is refused.

using System.Numerics;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;
using Vmm.Core.Descriptors;
using Vmm.Core.Loop;
using Vmm.Core.Native;
using Vmm.Core.State;

namespace Vmm.Core.Chardevs;

/// <summary>A ring buffer as a chardev.</summary>
public sealed class RingbufChardev : Chardev
{
    /// <summary>The most bytes of a ring: it is memory of the host, beside the guest's.</summary>
    public const ulong LargestSize = 64 << 20;

    private readonly ulong _size;
    private readonly ILogger _logger;
    private readonly DescriptorSlot _crossing;
    private readonly RingState _state;
    private RingFile? _ring;
    private bool _frontEndWaits;
    private bool _lossReported;

    /// <summary>Creates the chardev.</summary>
    /// <param name="label">Its id.</param>
    /// <param name="loop">The I/O loop; unused, as nothing happens.</param>
    /// <param name="size">How many bytes it keeps, a power of two; one that is taken over keeps the size that it has.</param>
    /// <param name="kind">Its kind, as query-chardev shows it: ringbuf or memory.</param>
    /// <param name="logger">Where lost output is reported.</param>
    /// <param name="gate">The lock of the back end whose place it will take; null makes one.</param>
    public RingbufChardev(string label, EventLoop loop, ulong size, string kind = "ringbuf", ILogger? logger = null, Lock? gate = null)
        : base(label, loop, gate)
    {
        FileName = kind;
        _size = size;
        _logger = logger ?? NullLogger.Instance;
        _crossing = new DescriptorSlot($"chardev/{label}/ring", RingFile.WhyUnfit);
        _state = new RingState(Queue.State);
    }

    /// <summary>Whether a ring can have a size.</summary>
    /// <param name="size">Bytes.</param>
    public static bool IsSize(ulong size) => BitOperations.IsPow2(size) && size <= LargestSize;

    /// <inheritdoc/>
    public override string FileName { get; }

    /// <inheritdoc/>
    public override StateLayout Layout => RingState.Layout;

    /// <inheritdoc/>
    private protected override void OpenEnd()
    {
        lock (Gate)
        {
            _ring = RingFile.Create($"chardev-{Label}", _size);
        }
    }

    /// <inheritdoc/>
    private protected override bool AdoptEnd(HandedOverDescriptors handedOver)
    {
        if (_crossing.Claim(handedOver) is not { } file)
        {
            return false;
        }

        lock (Gate)
        {
            _ring = new RingFile(file);
            return true;
        }
    }

    /// <inheritdoc/>
    private protected override IReadOnlyList<HandoverDescriptor> ExportEnd()
    {
        lock (Gate)
        {
            return _crossing.Export(_ring?.Handle);
        }
    }

    /// <inheritdoc/>
    private protected override void QuiesceEnd()
    {
        lock (Gate)
        {
            IsRunning = false;
        }
    }

    /// <inheritdoc/>
    private protected override void ResumeEnd()
    {
        lock (Gate)
        {
            IsRunning = true;
            Put(Queue.Waiting);
            Queue.Clear();
            if (_frontEndWaits)
            {
                _frontEndWaits = false;
                FrontEnd?.OutputReady();
            }
        }
    }

    /// <inheritdoc/>
    private protected override void ReleaseEnd() => CloseEnd();

    /// <inheritdoc/>
    private protected override int Accept(ReadOnlySpan<byte> bytes)
    {
        lock (Gate)
        {
            if (IsRunning)
            {
                Put(bytes);
                return bytes.Length;
            }

            int accepted = Queue.Append(bytes);
            _frontEndWaits |= accepted < bytes.Length;
            return accepted;
        }
    }

    /// <inheritdoc/>
    public override void InputReady()
    {
    }

    /// <summary>Takes the oldest bytes out. Any thread.</summary>
    /// <param name="most">How many at most.</param>
    /// <returns>The bytes; null while the guest is on its way between two processes.</returns>
    /// <exception cref="IOException">The host does not let the ring be read.</exception>
    public byte[]? Take(int most)
    {
        lock (Gate)
        {
            if (!IsRunning)
            {
                return null;
            }

            byte[] taken = new byte[Math.Min((ulong)most, _state.Count)];
            _ring?.Read(_state.Read, taken);
            _state.Read += (ulong)taken.Length;
            return taken;
        }
    }

    /// <summary>Puts bytes in, as if the guest had written them. Any thread.</summary>
    /// <returns>Whether it was done: not while the guest is on its way between two processes.</returns>
    public bool TryPut(ReadOnlySpan<byte> bytes)
    {
        lock (Gate)
        {
            return IsRunning && Write(bytes) == bytes.Length;
        }
    }

    /// <inheritdoc/>
    public override void Save(StateWriter writer)
    {
        ArgumentNullException.ThrowIfNull(writer);
        lock (Gate)
        {
            Queue.ClearRest();
            writer.Write(RingState.Layout, _state);
        }
    }

    /// <inheritdoc/>
    public override void Load(StateReader reader)
    {
        ArgumentNullException.ThrowIfNull(reader);
        lock (Gate)
        {
            reader.Read(RingState.Layout, _state);
            Queue.Check();
            ulong most = _ring?.Size ?? 0;
            if (_state.Read > _state.Written || _state.Count > most)
            {
                var (written, read) = (_state.Written, _state.Read);
                (_state.Written, _state.Read) = (0, 0);
                throw new StateException($"ringbuf: at most {most} bytes between read and written expected, {read} and {written} found");
            }

            // The counts begin anew within the first round, so that they never come to their end.
            ulong rounds = most == 0 ? 0 : _state.Read & ~(most - 1);
            _state.Written -= rounds;
            _state.Read -= rounds;
        }
    }

    private protected override void CloseEnd()
    {
        lock (Gate)
        {
            IsRunning = false;
            _ring?.Dispose();
            _ring = null;
        }
    }

    private void Put(ReadOnlySpan<byte> bytes)
    {
        if (_ring is null || bytes.IsEmpty)
        {
            return;
        }

        try
        {
            _ring.Write(_state.Written, bytes);
            _state.Written += (ulong)bytes.Length;
            if (_state.Count > _ring.Size)
            {
                _state.Read = _state.Written - _ring.Size;
            }
        }
        catch (PosixException error)
        {
            if (!_lossReported)
            {
                _lossReported = true;
                ChardevLog.OutputLost(_logger, Label, error.Reason);
            }
        }
    }
}

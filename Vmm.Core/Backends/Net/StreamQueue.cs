// The frames of one stream socket, on the I/O thread of its device. The socket comes and goes by the loop that connects (StreamLink); the two meet at a lock
// that is held for single system calls which never wait, so the I/O thread waits for no peer and for no connecting.
//
// A connection ends here: the thread that moves frames finds it closed, broken or malformed. It touches the socket no more then, reports that, and the loop takes
// the socket away. Whole frames that came before the end have been given to the device by that time.
//
// An eventfd of its own calls the device back where no socket can: after a connection has ended, when the loop has brought another, or after the kernel had no
// memory for a socket that was ready.

using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;
using Vmm.Core.Loop;
using Vmm.Core.Native;
using Vmm.Core.State;

namespace Vmm.Core.Backends.Net;

/// <summary>The one pair of queues of a back end on a stream socket; its state is what is on its way through it.</summary>
internal sealed class StreamQueue : NetQueue, IStateful
{
    /// <summary>How often the socket is read for one frame: a peer that sends it byte by byte keeps no other queue waiting.</summary>
    private const int MostReads = 64;

    private readonly Lock _gate = new();
    private readonly StreamInput _input = new();
    private readonly StreamOutput _output = new();
    private readonly Action _lost;
    private StreamState? _loaded;
    private SafeFileHandle? _socket;
    private IIoThread? _thread;
    private IIoSource? _source;
    private IIoSource? _nudge;
    private SafeFileHandle? _nudgeHandle;
    private Action? _readable;
    private Action? _writable;
    private bool _isStarted;
    private bool _isSendWaiting;
    private bool _isSendClosed;
    private StreamLoss? _loss;

    /// <param name="lost">Called when the connection has ended, with the lock held: posts and does no more.</param>
    internal StreamQueue(Action lost) => _lost = lost;

    /// <summary>Called when no device receives any more. Posts and does no more.</summary>
    internal Action? Stopped { get; init; }

    /// <summary>Called when the kernel had no memory for what a socket was ready for, with the lock held: has <see cref="Retry"/> called soon.</summary>
    internal Action? Short { get; init; }

    /// <summary>What receives.</summary>
    internal StreamSocket.ReceiveCall ReceiveBy { get; init; } = StreamSocket.TryReceive;

    /// <summary>What sends.</summary>
    internal StreamSocket.SendCall SendBy
    {
        init => _output.SendBy = value;
    }

    /// <summary>Why the connection has ended whose socket is still here; null while it has not.</summary>
    internal StreamLoss? Loss
    {
        get
        {
            lock (_gate)
            {
                return _loss;
            }
        }
    }

    /// <summary>Whether a device takes what comes, so that the end of the stream is found here.</summary>
    internal bool IsServed
    {
        get
        {
            lock (_gate)
            {
                return _isStarted && _thread is not null;
            }
        }
    }

    /// <summary>Whether a device has this queue, which may be stopped.</summary>
    internal bool HasDevice => Volatile.Read(ref _thread) is not null;

    /// <inheritdoc/>
    public StateLayout Layout => StreamState.Layout;

    /// <inheritdoc/>
    public override void Connect(IIoThread thread, Action readable, Action writable)
    {
        ArgumentNullException.ThrowIfNull(thread);
        lock (_gate)
        {
            if (_thread is not null)
            {
                throw new InvalidOperationException("the queue has a device");
            }

            _nudgeHandle = EventFd.Create();
            _nudge = thread.Add(_nudgeHandle, OnReady);
            (_readable, _writable) = (readable, writable);
            Volatile.Write(ref _thread, thread);
            AddSource();
        }
    }

    /// <inheritdoc/>
    public override void Start()
    {
        lock (_gate)
        {
            _isStarted = true;
            _nudge?.Start();
            _source?.Start();
        }
    }

    /// <inheritdoc/>
    public override void Stop()
    {
        IIoSource? source;
        lock (_gate)
        {
            _isStarted = false;
            source = _source;
        }

        // Not with the lock held, which the callback takes that may have to be waited for.
        source?.Stop();
        _nudge?.Stop();
        Stopped?.Invoke();
    }

    /// <inheritdoc/>
    public override int Receive(Span<byte> frame)
    {
        lock (_gate)
        {
            if (_socket is not { } socket || _loss is not null)
            {
                return Later;
            }

            for (int reads = 0; ; reads++)
            {
                int length = _input.Next(frame);
                if (length == StreamInput.Malformed)
                {
                    Lose(StreamLoss.Malformed(_input.NextLength));
                    return Later;
                }

                if (length != Later)
                {
                    return length;
                }

                if (reads == MostReads)
                {
                    _nudge?.Trigger();
                    return Later;
                }

                int got = ReceiveBy(socket, _input.Room());
                if (got > 0)
                {
                    _input.Added(got);
                    continue;
                }

                if (StreamSocket.IsShortage(-got))
                {
                    Short?.Invoke();
                }
                else if (got != -StreamSocket.NotNow)
                {
                    Lose(got == 0 ? StreamLoss.Ended : StreamLoss.Refused(-got));
                }

                return Later;
            }
        }
    }

    /// <inheritdoc/>
    internal override int Send(ReadOnlySpan<NativeMethods.IoVector> frame, int length)
    {
        lock (_gate)
        {
            if (_socket is not { } socket || _loss is not null || _isSendClosed)
            {
                return Lost;
            }

            int sent = _output.Send(socket, frame, length);
            if (sent == StreamOutput.Broken)
            {
                CloseSending();
                return Lost;
            }

            sent = OrLater(sent);
            _isSendWaiting |= sent == Later;
            return sent;
        }
    }

    /// <summary>Has the device try again. Any thread.</summary>
    internal void Retry()
    {
        lock (_gate)
        {
            _nudge?.Trigger();
        }
    }

    /// <summary>Begins to use a connection. The socket stays the caller's, until <see cref="Unplug"/> has returned. Any thread.</summary>
    internal void Plug(SafeFileHandle socket)
    {
        lock (_gate)
        {
            (_socket, _loss, _isSendClosed) = (socket, null, false);
            AddSource();
        }
    }

    /// <summary>When this returns, the connection is not used any more, and nothing of it is left. Any thread but not inside a callback of the queue.</summary>
    internal void Unplug()
    {
        IIoSource? source;
        lock (_gate)
        {
            source = _source;
            (_source, _socket, _loss) = (null, null, null);
            _input.Clear();
            _output.Clear();
            _loaded = null;
            _nudge?.Trigger();
        }

        source?.Dispose();
    }

    /// <inheritdoc/>
    public void Save(StateWriter writer)
    {
        ArgumentNullException.ThrowIfNull(writer);
        lock (_gate)
        {
            // Of a lost connection, too: the next process finds by it what was found here.
            writer.Write(StreamState.Layout, StreamState.Of(_input.Waiting, _output.Waiting));
        }
    }

    /// <inheritdoc/>
    public void Load(StateReader reader)
    {
        ArgumentNullException.ThrowIfNull(reader);
        var state = new StreamState();
        reader.Read(StreamState.Layout, state);
        state.Check();
        lock (_gate)
        {
            _loaded = state;
        }
    }

    /// <inheritdoc/>
    public void Apply()
    {
        lock (_gate)
        {
            // What is left of a connection that did not come is of no use to the next one.
            if (_loaded is { } state && _socket is not null)
            {
                _input.Clear();
                StreamState.Join(state.ReceivedPieces, _input.Room()[..(int)state.Received]);
                _input.Added((int)state.Received);
                var unsent = new byte[state.Unsent];
                StreamState.Join(state.UnsentPieces, unsent);
                _output.Restore(unsent);
            }

            _loaded = null;
        }
    }

    /// <inheritdoc/>
    protected override void Dispose(bool disposing)
    {
        if (disposing)
        {
            Stop();
            IIoSource? source;
            IIoSource? nudge;
            lock (_gate)
            {
                (source, nudge) = (_source, _nudge);
                (_source, _nudge) = (null, null);
                Volatile.Write(ref _thread, null);
            }

            source?.Dispose();
            nudge?.Dispose();
            _nudgeHandle?.Dispose();
        }

        base.Dispose(disposing);
    }

    /// <summary>After a shortage no edge of the socket may come.</summary>
    private int OrLater(int sent)
    {
        if (sent != StreamOutput.Short)
        {
            return sent;
        }

        Short?.Invoke();
        return Later;
    }

    private void AddSource()
    {
        if (_thread is null || _socket is null)
        {
            return;
        }

        try
        {
            _source = _thread.AddDescriptor(_socket, OnReady);
        }
        catch (ObjectDisposedException)
        {
            // The thread has ended, and its device with it.
            return;
        }

        if (_isStarted)
        {
            _source.Start();
        }
    }

    private void OnReady()
    {
        bool hasRoom = false;
        lock (_gate)
        {
            if (_socket is { } socket && _loss is null && !_isSendClosed)
            {
                int flushed = OrLater(_output.TryFlush(socket));
                if (flushed == StreamOutput.Broken)
                {
                    CloseSending();
                }

                hasRoom = flushed != Later;
            }
            else
            {
                hasRoom = true;
            }

            hasRoom &= _isSendWaiting;
            _isSendWaiting &= !hasRoom;
        }

        if (hasRoom)
        {
            _writable!();
        }

        _readable!();
    }

    /// <summary>The peer takes nothing any more, but may have sent something: what it has sent is received before the connection ends.</summary>
    private void CloseSending()
    {
        _isSendClosed = true;
        _output.Clear();
        _nudge?.Trigger();
    }

    private void Lose(StreamLoss loss)
    {
        _loss = loss;
        _nudge?.Trigger();
        _lost();
    }
}

// A client's two directions, without ever blocking: reads when there is something to read and the user wants it, writes
// what is queued when there is room. A socket is one descriptor for both and may carry descriptors; a terminal, a pair of
// pipes or files is two. Those belong to others too and may be blocking, so they are polled before each small write.

using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;
using Vmm.Core.Loop;
using Vmm.Core.Native;
using Vmm.Qmp.Wire;

namespace Vmm.Qmp.Sessions;

/// <summary>A connected client of a monitor. I/O loop only, save for its queue.</summary>
public sealed class Connection : IDisposable
{
    private const int PieceSize = 64 << 10;

    // A pipe that is ready takes as much as this at once without blocking (PIPE_BUF).
    private const int AlwaysFits = 4096;

    private readonly SafeHandle _input;
    private readonly SafeHandle _output;
    private readonly bool _isSocket;
    private readonly bool _owned;
    private readonly bool _isTyped;
    private readonly byte[] _piece = GC.AllocateUninitializedArray<byte>(PieceSize);
    private EventLoop? _io;
    private IConnectionUser? _user;
    private FdWatch? _inputWatch;
    private FdWatch? _outputWatch;
    private bool _wantsInput;
    private bool _inputEnded;
    private bool _closed;
    private bool _isHeld;
    private bool _readsAlways;

    private Connection(SafeHandle input, SafeHandle output, bool isSocket, bool owned, bool isTyped = false)
    {
        _isTyped = isTyped;
        _input = input;
        _output = output;
        _isSocket = isSocket;
        _owned = owned;
    }

    /// <summary>What goes to the client; set before <see cref="Start"/>.</summary>
    internal OutboundQueue? Outbound { get; set; }

    /// <summary>Whether the client sits at a terminal.</summary>
    internal bool IsTerminal => _isTyped || (!_isSocket && TerminalDevice.IsTerminal(_input) && TerminalDevice.IsTerminal(_output));

    /// <summary>The terminal's descriptor.</summary>
    internal SafeHandle Input => _input;

    /// <summary>The client's socket; null where it is two descriptors that are not the connection's own.</summary>
    internal SafeHandle? Socket => _isSocket ? _input : null;

    /// <summary>Whether a terminal that shows what is sent to it is behind the socket.</summary>
    internal bool IsTyped => _isTyped;

    /// <summary>A connected, non-blocking stream socket.</summary>
    /// <param name="socket">The socket, which now belongs to the connection.</param>
    /// <param name="isTyped">Whether a terminal that shows what is sent to it is behind the socket.</param>
    public static Connection OverSocket(SafeHandle socket, bool isTyped = false) => new(socket, socket, isSocket: true, owned: true, isTyped);

    /// <summary>Two descriptors of any kind that can be read and written, standard input and output for instance.</summary>
    /// <param name="input">Read from; stays open when the connection ends.</param>
    /// <param name="output">Written to; stays open when the connection ends.</param>
    public static Connection OverPair(SafeHandle input, SafeHandle output) => new(input, output, isSocket: false, owned: false);

    /// <summary>Starts to serve.</summary>
    internal void Start(EventLoop io, IConnectionUser user)
    {
        _io = io;
        _user = user;
        Send();
        WantInput(true);
    }

    /// <summary>Moves no byte and looks at nothing, until <see cref="Continue"/>.</summary>
    internal void Hold()
    {
        _isHeld = true;
        _inputWatch?.Dispose();
        _outputWatch?.Dispose();
        _inputWatch = _outputWatch = null;
    }

    /// <summary>Moves bytes again.</summary>
    internal void Continue()
    {
        _isHeld = false;
        if (_closed)
        {
            return;
        }

        if (_isSocket)
        {
            WatchSocket(sending: false);
        }
        else if (_wantsInput)
        {
            WatchInput();
        }

        Send();
    }

    /// <summary>Starts or stops reading.</summary>
    internal void WantInput(bool wanted)
    {
        if (_closed || _inputEnded || wanted == _wantsInput)
        {
            return;
        }

        _wantsInput = wanted;
        if (_isHeld)
        {
            return;
        }

        if (_isSocket)
        {
            WatchSocket(sending: _inputWatch is { } watch && watch.Events.HasFlag(FdEvents.Out));
        }
        else if (!wanted)
        {
            // A pipe whose other end is closed would be reported indefinitely.
            _inputWatch?.Dispose();
            _inputWatch = null;
        }
        else
        {
            WatchInput();
        }
    }

    /// <summary>Sends what is queued, as far as there is room.</summary>
    internal void Send()
    {
        if (_closed || _isHeld)
        {
            return;
        }

        bool full = false;
        try
        {
            while (!full && Outbound!.TryPeek(out var bytes))
            {
                int sent = SendSome(bytes.Span);
                full = sent == FileDescriptor.WouldBlock;
                if (!full)
                {
                    Outbound.Advance(sent);
                }
            }

            WatchOutput(full);
        }
        catch (Exception e) when (e is IOException or InvalidOperationException)
        {
            _user!.Ended(isDisconnected: true);
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        if (_closed)
        {
            return;
        }

        _closed = true;
        _inputWatch?.Dispose();
        _outputWatch?.Dispose();
        Outbound?.Close();
        if (_owned)
        {
            _input.Dispose();
            _output.Dispose();
        }
    }

    private int SendSome(ReadOnlySpan<byte> bytes)
    {
        if (_isSocket)
        {
            return UnixSocket.Send(_output, bytes, []);
        }

        return FileDescriptor.PollNow(_output, FdEvents.Out) == FdEvents.None
            ? FileDescriptor.WouldBlock
            : FileDescriptor.Write(_output, bytes[..Math.Min(bytes.Length, AlwaysFits)]);
    }

    private void WatchSocket(bool sending)
    {
        var events = (_wantsInput ? FdEvents.In : FdEvents.None) | (sending ? FdEvents.Out : FdEvents.None);
        if (_inputWatch is null)
        {
            _inputWatch = _io!.Watch(_input, events, Ready);
        }
        else
        {
            _inputWatch.Events = events;
        }
    }

    private void WatchOutput(bool full)
    {
        if (_isSocket)
        {
            if (_inputWatch is not null || full)
            {
                WatchSocket(full);
            }
        }
        else if (full && _outputWatch is null)
        {
            _outputWatch = _io!.Watch(_output, FdEvents.Out, _ => Send());
        }
        else if (!full)
        {
            _outputWatch?.Dispose();
            _outputWatch = null;
        }
    }

    private void WatchInput()
    {
        try
        {
            _inputWatch = _io!.Watch(_input, FdEvents.In, Ready);
        }
        catch (InvalidOperationException)
        {
            // A regular file: there is nothing to wait for.
            ReadAlways();
        }
    }

    private void ReadAlways()
    {
        if (!_readsAlways)
        {
            _readsAlways = true;
            _io!.Post(ReadAlwaysReady);
        }
    }

    private void ReadAlwaysReady()
    {
        _readsAlways = false;
        if (_wantsInput && !_closed && !_isHeld)
        {
            Ready(FdEvents.In);
            ReadAlways();
        }
    }

    private void Ready(FdEvents events)
    {
        try
        {
            Serve(events);
        }
        catch (Exception defect)
        {
            _user!.Failed(defect);
        }
    }

    private void Serve(FdEvents events)
    {
        if (events.HasFlag(FdEvents.Out))
        {
            Send();
        }

        if (_closed)
        {
            return;
        }

        if (_wantsInput && (events & ~FdEvents.Out) != FdEvents.None)
        {
            Receive();
        }
        else if ((events & (FdEvents.Error | FdEvents.HangUp)) != FdEvents.None)
        {
            _user!.Ended(isDisconnected: true);
        }
    }

    private void Receive()
    {
        var descriptors = new List<SafeFileHandle>();
        int got;
        try
        {
            got = _isSocket ? UnixSocket.Receive(_input, _piece, descriptors) : FileDescriptor.Read(_input, _piece);
        }
        catch (IOException)
        {
            _user!.Ended(isDisconnected: true);
            return;
        }

        if (got > 0)
        {
            _user!.Received(_piece.AsSpan(0, got), descriptors);
        }
        else if (got == 0)
        {
            bool isDisconnected = IsDisconnected();
            WantInput(false);
            _inputEnded = true;
            _user!.Ended(isDisconnected);
        }
    }

    /// <summary>Whether a client that sends no more reads no more either. Where the host does not say (poll needs RLIMIT_NOFILE too), sending will show.</summary>
    private bool IsDisconnected()
    {
        try
        {
            return _isSocket && (FileDescriptor.PollNow(_input, FdEvents.None) & (FdEvents.Error | FdEvents.HangUp)) != FdEvents.None;
        }
        catch (PosixException)
        {
            return false;
        }
    }
}

// A monitor as a front end of a mux. A monitor has a session with a client over a socket; here the client is the mux: what is typed while the monitor has
// the focus goes into one end of a socket pair, and the session has the other end.
//
// The pair crosses the exec of another program as it is, with what is in it, and the session at its other end crosses with the monitors.
//
// What the monitor writes waits in the socket while another front end has the terminal. When the monitor gets the terminal back, the line that its
// prompt is on is shown again.

using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;
using Vmm.Core.Loop;
using Vmm.Core.Native;
using Vmm.Core.State;

namespace Vmm.Core.Chardevs;

/// <summary>A monitor's place at a mux. Any thread.</summary>
public sealed class MuxMonitorLine : IChardevFrontEnd, IMuxFocus, IDisposable
{
    private const int AtOnce = 256;

    private readonly MuxChardev _mux;
    private readonly EventLoop _loop;
    private readonly MuxPort _port;
    private readonly ByteQueue _typed = new(AtOnce);
    private readonly ByteQueue _written = new(AtOnce);
    private readonly List<byte> _lastLine = [];
    private SocketChardev? _session;
    private bool _wasShown;

    /// <summary>Takes a place at a mux, without the focus.</summary>
    /// <param name="mux">The mux.</param>
    /// <param name="loop">The loop that serves its back end.</param>
    public MuxMonitorLine(MuxChardev mux, EventLoop loop)
    {
        ArgumentNullException.ThrowIfNull(mux);
        _mux = mux;
        _loop = loop;
        _port = mux.Switch.AddPort(takesFocus: false);
        _port.Attach(this);
    }

    /// <inheritdoc/>
    public int Room => _typed.Count == 0 ? AtOnce : 0;

    private bool IsShown => _mux.IsRunning && _mux.Switch.IsFocused(_port);

    /// <summary>Begins a session with the monitor, in the place of one that there was.</summary>
    /// <returns>The session's socket, the caller's.</returns>
    /// <exception cref="IOException">The host gives none.</exception>
    public SafeFileHandle Connect()
    {
        var (near, far) = UnixSocket.CreatePair();
        lock (_mux.Gate)
        {
            _session?.Dispose();
            _session = Open(near);
            _session.Start();
            return far;
        }
    }

    /// <summary>Continues a session that began in another program.</summary>
    /// <param name="near">This end of the session's socket pair, now the line's.</param>
    /// <param name="state">What was between the terminal and the session.</param>
    /// <exception cref="IOException">It is no such socket.</exception>
    public void Continue(SafeFileHandle near, MuxMonitorState state)
    {
        ArgumentNullException.ThrowIfNull(near);
        ArgumentNullException.ThrowIfNull(state);
        lock (_mux.Gate)
        {
            _wasShown = state.WasShown;
            int taken = _typed.Append(state.Typed);
            foreach (byte key in state.Typed.AsSpan(taken))
            {
                _port.Type(key);
            }

            _written.Append(state.Written);
            _lastLine.AddRange(state.LastLine);
            _session = Open(near);
            _session.Load(new StateReader(state.Queued));
            _session.Start();
            SessionReady();
        }
    }

    /// <summary>Moves nothing between terminal and session, until <see cref="Resume"/>.</summary>
    public void Quiesce() => _session?.Quiesce();

    /// <summary>What is between terminal and session, which are quiesced both.</summary>
    /// <returns>That, and this end of the session's socket; null where there is no session.</returns>
    public (MuxMonitorState State, SafeHandle Near)? Save()
    {
        lock (_mux.Gate)
        {
            if (_session is not { } session || session.Export() is not [{ Handle: var near }])
            {
                return null;
            }

            var queued = new StateWriter();
            session.Save(queued);
            byte[] typed = [.. Copy(_typed), .. _port.Typed.Bytes.AsSpan(0, _port.Typed.Count)];
            return (new MuxMonitorState(_wasShown, typed, Copy(_written), [.. _lastLine], queued.Written.ToArray()), near);
        }
    }

    /// <summary>Undoes <see cref="Quiesce"/> and <see cref="Save"/>.</summary>
    public void Resume()
    {
        lock (_mux.Gate)
        {
            if (_session is { } session)
            {
                session.Resume();
                SessionReady();
            }
        }
    }

    /// <inheritdoc/>
    public void Receive(ReadOnlySpan<byte> bytes)
    {
        int taken = _session?.Write(bytes) ?? bytes.Length;
        _typed.Append(bytes[taken..]);
    }

    /// <inheritdoc/>
    public void OutputReady()
    {
        Show();
        _session?.InputReady();
    }

    /// <inheritdoc/>
    public void Resumed() => OutputReady();

    /// <inheritdoc/>
    public void FocusChanged(bool hasFocus)
    {
        if (!hasFocus || _wasShown)
        {
            _port.Write("\r\n"u8);
        }

        if (hasFocus)
        {
            _port.Write(_wasShown ? [.. _lastLine] : []);
            _wasShown = true;
            _session?.InputReady();
        }
    }

    /// <summary>Ends the session and leaves the mux.</summary>
    public void Dispose()
    {
        lock (_mux.Gate)
        {
            _mux.Switch.RemovePort(_port);
            _session?.Dispose();
            _session = null;
        }
    }

    private static byte[] Copy(ByteQueue queue)
    {
        byte[] bytes = new byte[queue.Count];
        queue.CopyTo(bytes);
        return bytes;
    }

    /// <summary>Gate held.</summary>
    private SocketChardev Open(SafeFileHandle near)
    {
        int number = (int)near.DangerousGetHandle();
        near.SetHandleAsInvalid();
        var session = new SocketChardev(_mux.Label, _loop, new SocketChardevOptions { Descriptor = number }, logger: null, _mux.Gate);
        session.Attach(new SessionEnd(this));
        session.Open();
        return session;
    }

    private void SessionWrote(ReadOnlySpan<byte> bytes)
    {
        _wasShown = true;
        int lineEnd = bytes.LastIndexOf((byte)'\n');
        if (lineEnd >= 0)
        {
            _lastLine.Clear();
        }

        _lastLine.AddRange(bytes[(lineEnd + 1)..]);
        if (_lastLine.Count > AtOnce)
        {
            _lastLine.Clear();
        }

        _written.Append(bytes[_port.Write(bytes)..]);
    }

    /// <summary>Writes what the back end had no room for.</summary>
    private void Show()
    {
        Span<byte> waiting = stackalloc byte[AtOnce];
        int count = _written.CopyTo(waiting);
        _written.Remove(count > 0 ? _port.Write(waiting[..count]) : 0);
    }

    private void SessionReady()
    {
        Span<byte> waiting = stackalloc byte[AtOnce];
        int count = _typed.CopyTo(waiting);
        _typed.Remove(count > 0 ? _session!.Write(waiting[..count]) : 0);
        _port.InputReady();
    }

    /// <summary>The other side of the socket pair: the session.</summary>
    private sealed class SessionEnd(MuxMonitorLine line) : IChardevFrontEnd
    {
        public int Room => line.IsShown && line._written.Count == 0 ? AtOnce : 0;

        public void Receive(ReadOnlySpan<byte> bytes) => line.SessionWrote(bytes);

        public void OutputReady() => line.SessionReady();
    }
}

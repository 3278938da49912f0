// A monitor as a front end of a mux. A monitor has a session with a client over a socket; here the client is the mux: what is typed while the monitor has
// the focus goes into one end of a socket pair, and the session has the other end.
//
// What the monitor writes waits in the socket while another front end has the terminal. When the monitor gets the terminal back, the line that its
// prompt is on is shown again.

using Microsoft.Win32.SafeHandles;
using Vmm.Core.Loop;
using Vmm.Core.Native;

namespace Vmm.Core.Chardevs;

/// <summary>A monitor's place at a mux. Any thread.</summary>
public sealed class MuxMonitorLine : IChardevFrontEnd, IMuxFocus, IDisposable
{
    private const int AtOnce = 256;

    private readonly MuxChardev _mux;
    private readonly EventLoop _loop;
    private readonly Chardev _port;
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
        _port = mux.AddPort(takesFocus: false);
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
            int number = (int)near.DangerousGetHandle();
            near.SetHandleAsInvalid();
            _session = new SocketChardev(_mux.Label, _loop, new SocketChardevOptions { Descriptor = number }, logger: null, _mux.Gate);
            _session.Attach(new SessionEnd(this));
            _session.Open();
            _session.Start();
            return far;
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

// What is typed goes to one front end of a mux, the one with the focus; what any of them writes comes out. The escape key (Ctrl-A, -echr) begins a command
// to the mux itself, with QEMU's letters:
//
//   h or ?  help      c  the next front end gets the focus      b  a break to the one that has it
//   x       exit      t  the time before each line, on or off   s  nothing: there are no disks in snapshot mode     escape: the key itself
//
// The mux always has room for what is typed until some bytes wait for the focused front end; then nothing is read until it takes some.
// All of it is guarded by the gate that the back end and all front ends share.

using System.Text;
using Vmm.Core.Loop;
using Vmm.Core.State;

namespace Vmm.Core.Chardevs;

/// <summary>Decides which front end of a mux gets what is typed. Its members are called with the gate held, or take it.</summary>
public sealed class MuxSwitch : IChardevFrontEnd, IStateful
{
    private const byte LastControl = 26;
    private const int StampLength = 15; // "[hh:mm:ss.mmm] "

    private readonly MuxChardev _owner;
    private readonly EventLoop _loop;
    private readonly byte _escape;
    private readonly Action _exit;
    private readonly List<MuxPort> _ports = [];
    private readonly MuxState _state = new();
    private readonly byte[] _stamp = new byte[StampLength];
    private int _stampWritten = StampLength;
    private int _devicePorts;
    private int _awaited;

    internal MuxSwitch(MuxChardev owner, EventLoop loop, byte escape, Action exit, int monitors)
    {
        _awaited = monitors;
        _owner = owner;
        _loop = loop;
        _escape = escape;
        _exit = exit;
    }

    /// <inheritdoc/>
    public StateLayout Layout => MuxState.Layout;

    /// <inheritdoc/>
    public int Room => _awaited > 0 ? 0 : Focused?.Free ?? 0;

    internal ConsoleSize Size => _owner.Size;

    internal bool IsInUse => _ports.Exists(port => port.FrontendOpen);

    /// <summary>One that is gone, or is not there yet, leaves the focus to the last of the devices.</summary>
    private MuxPort? Focused => _state.Focus < _ports.Count ? _ports[_state.Focus] : _devicePorts > 0 ? _ports[_devicePorts - 1] : null;

    /// <inheritdoc/>
    public void Receive(ReadOnlySpan<byte> bytes)
    {
        foreach (byte value in bytes)
        {
            Take(value);
        }

        Focused?.Deliver();
    }

    /// <inheritdoc/>
    public void OutputReady()
    {
        foreach (var port in _ports)
        {
            if (port.Waits)
            {
                port.Waits = false;
                port.Front?.OutputReady();
            }
        }
    }

    /// <inheritdoc/>
    public void Break() => Focused?.Break();

    /// <summary>All front ends are on the same terminal.</summary>
    public void SizeChanged() => _ports.ForEach(static port => port.Front?.SizeChanged());

    /// <inheritdoc/>
    public void Save(StateWriter writer)
    {
        ArgumentNullException.ThrowIfNull(writer);
        lock (_owner.Gate)
        {
            _state.PortCount = _devicePorts;
            _state.Ports = [.. _ports.Take(_devicePorts).Select(port => port.Typed)];
            writer.Write(MuxState.Layout, _state);
        }
    }

    /// <inheritdoc/>
    public void Load(StateReader reader)
    {
        ArgumentNullException.ThrowIfNull(reader);
        lock (_owner.Gate)
        {
            var state = new MuxState();
            reader.Read(MuxState.Layout, state);
            if (state.Focus is < 0 or > MuxState.MostPorts || state.PortCount != _devicePorts)
            {
                throw new StateException($"chardev-mux: a focus from 0 to {MuxState.MostPorts} and {_devicePorts} ports expected, {state.Focus} and {state.PortCount} found");
            }

            if (Array.Find(state.Ports, port => port.Count is < 0 or > MuxPortState.Capacity) is { } wrong)
            {
                throw new StateException($"chardev-mux typed: 0 to {MuxPortState.Capacity} bytes expected, {wrong.Count} found");
            }

            (_state.Focus, _state.IsEscaped, _state.HasTimestamps) = (state.Focus, state.IsEscaped, state.HasTimestamps);
            (_state.IsLineStart, _state.FirstAt) = (state.IsLineStart, state.FirstAt);
            for (int i = 0; i < _devicePorts; i++)
            {
                state.Ports[i].Bytes.CopyTo(_ports[i].Typed.Bytes, 0);
                _ports[i].Typed.Count = state.Ports[i].Count;
            }
        }
    }

    /// <summary>Whether a front end gets what is typed.</summary>
    internal bool IsFocused(Chardev port) => Focused == port;

    internal MuxPort AddPort(bool takesFocus)
    {
        lock (_owner.Gate)
        {
            if (_ports.Count == MuxState.MostPorts)
            {
                throw new InvalidOperationException($"chardev '{_owner.Label}' has {MuxState.MostPorts} front ends, and no more are possible");
            }

            var port = new MuxPort(this, _owner.Label, _loop, _owner.Gate);
            _ports.Add(port);
            if (takesFocus)
            {
                _devicePorts = _ports.Count;
                _state.Focus = _devicePorts - 1;
            }
            else if (_awaited > 0 && --_awaited == 0)
            {
                _owner.InputReady();
            }

            return port;
        }
    }

    internal void RemovePort(Chardev port)
    {
        lock (_owner.Gate)
        {
            port.Detach();
            _ports.RemoveAll(other => other == port);
        }
    }

    internal void DetachAll() => _ports.ForEach(port => port.Detach());

    internal void InputReady(MuxPort port)
    {
        lock (_owner.Gate)
        {
            port.Deliver();
            _owner.InputReady();
        }
    }

    internal void Resumed()
    {
        lock (_owner.Gate)
        {
            foreach (var port in _ports)
            {
                port.Deliver();
                (port.Front as IMuxFocus)?.Resumed();
            }

            _owner.InputReady();
        }
    }

    /// <summary>Output of a front end. Gate held.</summary>
    internal int Write(MuxPort port, ReadOnlySpan<byte> bytes)
    {
        int done = _state.HasTimestamps || _stampWritten < StampLength ? WriteLines(bytes) : _owner.Write(bytes);
        port.Waits |= done < bytes.Length;
        return done;
    }

    private void Take(byte value)
    {
        if (!_state.IsEscaped && value == _escape)
        {
            _state.IsEscaped = true;
        }
        else if (_state.IsEscaped && value != _escape)
        {
            _state.IsEscaped = false;
            Obey(value);
        }
        else
        {
            _state.IsEscaped = false;
            Focused?.Type(value);
        }
    }

    private void Obey(byte command)
    {
        switch (command)
        {
            case (byte)'h' or (byte)'?':
                Say(Help());
                break;
            case (byte)'x':
                Say("QEMU: Terminated\n\r");
                _exit();
                break;
            case (byte)'s':
                Say("\n\rno disk is in snapshot mode: there is nothing to save\n\r");
                break;
            case (byte)'b':
                Break();
                break;
            case (byte)'c':
                MoveFocus();
                break;
            case (byte)'t':
                _state.HasTimestamps = !_state.HasTimestamps;
                _state.IsLineStart = false;
                _state.FirstAt = 0;
                break;
            default:
                // Other keys after the escape key mean nothing, as in QEMU.
                break;
        }
    }

    private void MoveFocus()
    {
        if (Focused is not { } before)
        {
            return;
        }

        before.Deliver();
        (before.Front as IMuxFocus)?.FocusChanged(hasFocus: false);
        _state.Focus = (_ports.IndexOf(before) + 1) % _ports.Count;
        (Focused!.Front as IMuxFocus)?.FocusChanged(hasFocus: true);
    }

    private string Help()
    {
        string key = _escape is > 0 and <= LastControl ? $"C-{(char)('a' + _escape - 1)}" : ((char)_escape).ToString();
        return $"""

            {key} h    print this help
            {key} x    exit emulator
            {key} s    save disk data back to file: no disk is in snapshot mode
            {key} t    toggle console timestamps
            {key} b    send break (magic sysrq)
            {key} c    switch between console and monitor
            {key} {key}  sends {key}

            """.Replace("\n", "\n\r", StringComparison.Ordinal);
    }

    /// <summary>A text of the mux itself; one that the back end has no room for is lost.</summary>
    private void Say(string text) => _owner.Write(Encoding.ASCII.GetBytes(text));

    /// <summary>Writes lines with the time before each.</summary>
    private int WriteLines(ReadOnlySpan<byte> bytes)
    {
        int done = 0;
        while (done < bytes.Length)
        {
            if (_state is { HasTimestamps: true, IsLineStart: true })
            {
                MakeStamp();
            }

            _stampWritten += _owner.Write(_stamp.AsSpan(_stampWritten));
            if (_stampWritten < StampLength)
            {
                break;
            }

            var rest = bytes[done..];
            int end = rest.IndexOf((byte)'\n') is >= 0 and var at ? at + 1 : rest.Length;
            int written = _owner.Write(rest[..end]);
            done += written;
            _state.IsLineStart = _state.HasTimestamps && written > 0 && rest[written - 1] == (byte)'\n';
            if (written < end)
            {
                break;
            }
        }

        return done;
    }

    private void MakeStamp()
    {
        long now = Environment.TickCount64;
        _state.FirstAt = _state.FirstAt == 0 ? now : _state.FirstAt;
        _state.IsLineStart = false;
        var passed = TimeSpan.FromMilliseconds((now - _state.FirstAt) % (long)TimeSpan.FromHours(100).TotalMilliseconds);
        "[hh:mm:ss.mmm] "u8.CopyTo(_stamp);
        Digits((int)passed.TotalHours, _stamp.AsSpan(1, 2));
        Digits(passed.Minutes, _stamp.AsSpan(4, 2));
        Digits(passed.Seconds, _stamp.AsSpan(7, 2));
        Digits(passed.Milliseconds, _stamp.AsSpan(10, 3));
        _stampWritten = 0;
    }

    private static void Digits(int number, Span<byte> digits)
    {
        for (int i = digits.Length - 1; i >= 0; i--)
        {
            digits[i] = (byte)('0' + (number % 10));
            number /= 10;
        }
    }
}

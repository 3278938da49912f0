// A port of a virtio console: a line of bytes between a driver's two queues and a character back end.
//
// To the host: bytes are dropped while no peer is at the back end, and wait in the driver's chain while the back end takes no more. A console is
// waited for only so long, because a guest's kernel waits for it with interrupts off: when the back end has taken nothing for a
// second, output is dropped until it takes some again.
//
// To the guest: nothing is read from the back end unless the guest's end is open and the driver has given a buffer. What was read
// waits here until the queue's thread puts it into that buffer; the rest stays where it comes from.
//
// One lock guards all of it, the back end's gate: the queue's thread takes it, the back end's loop holds it when it calls.

using System.Text;
using Vmm.Core.Chardevs;
using Vmm.Core.Devices.Model;
using Vmm.Core.Loop;

namespace Vmm.Core.Devices.Virtio.Console;

/// <summary>A port, on the bus of a virtio console.</summary>
public sealed class Port : Device, IChangeableFrontEnd, IDisposable
{
    internal static readonly TimeSpan Patience = TimeSpan.FromSeconds(1);

    private readonly ConsoleDevice _console;
    private readonly Lock _gate;
    private readonly PortMessages _messages;
    private readonly IIoTimer? _patience;
    private readonly IPortObserver? _observer;
    private Chardev? _backEnd;
    private int _room;
    private bool _waits;
    private bool _gaveUp;
    private ConsoleSize _size;

    /// <summary>Creates a port and attaches it to its console and its back end.</summary>
    /// <param name="context">What it is given by its machine.</param>
    /// <param name="console">The console.</param>
    /// <param name="number">Its number there, which no other port has.</param>
    /// <param name="name">By what name the guest finds it; null for none.</param>
    /// <param name="isConsole">Whether the guest shall use it as a console.</param>
    /// <param name="backEnd">Where its bytes go to and come from; null for nowhere.</param>
    /// <param name="observer">Notified when the guest opens and closes it; null for none.</param>
    public Port(
        IDeviceContext context, ConsoleDevice console, uint number, string? name, bool isConsole, Chardev? backEnd, IPortObserver? observer = null)
    {
        ArgumentNullException.ThrowIfNull(context);
        ArgumentNullException.ThrowIfNull(console);
        (_console, Number, IsConsole, _backEnd, _observer) = (console, number, isConsole, backEnd, observer);
        _gate = backEnd?.Gate ?? new Lock();
        Record = new PortState { Number = number };
        byte[] ending = name is null ? [] : [.. Encoding.UTF8.GetBytes(name), 0];
        _messages = new PortMessages(Record, isConsole, ending);
        LongestMessage = ControlMessage.Length + Math.Max(ending.Length, PortMessages.SizeLength);
        ForgetDriver();
        _patience = isConsole && backEnd is not null ? context.IoThread.CreateTimer(LosePatience) : null;
        try
        {
            console.Attach(this);
            backEnd?.Attach(this);
        }
        catch
        {
            _patience?.Dispose();
            throw;
        }
    }

    /// <summary>Its number on its console.</summary>
    public uint Number { get; }

    /// <summary>Whether it is a console.</summary>
    public bool IsConsole { get; }

    /// <summary>A console is always in use; another port while the guest has it open.</summary>
    public bool IsOpen => IsConsole || Volatile.Read(ref Record.GuestOpen);

    /// <inheritdoc/>
    public int Room => _console.CanReceive(this) ? _room : 0;

    internal PortState Record { get; }

    internal bool HasBackEnd => _backEnd is not null;

    /// <summary>How large its terminal is, as the driver knows it or is about to.</summary>
    internal ConsoleSize Size
    {
        get
        {
            lock (_gate)
            {
                return _size;
            }
        }
    }

    /// <summary>The most bytes of a message about it.</summary>
    internal int LongestMessage { get; }

    /// <summary>Whether there is a control message for the driver.</summary>
    internal bool HasMessage
    {
        get
        {
            lock (_gate)
            {
                return _messages.IsAny;
            }
        }
    }

    /// <summary>With the change of the process, a peer may have come or gone, the terminal is another; and management knows of no port that is open.</summary>
    public override void Resume()
    {
        _observer?.PortIs(Record.GuestOpen);
        if (_backEnd is not null)
        {
            lock (_gate)
            {
                PeerChanged(_backEnd.HasPeer);
                SizeChanged();
            }
        }
    }

    /// <inheritdoc/>
    public void Receive(ReadOnlySpan<byte> bytes)
    {
        bytes.CopyTo(Record.Input.AsSpan(Record.InputCount));
        Record.InputCount += (ushort)bytes.Length;
        _room -= bytes.Length;
        _console.Wake(ConsoleQueues.InputOf(Number));
    }

    /// <inheritdoc/>
    public void OutputReady()
    {
        (_waits, _gaveUp) = (false, false);
        _console.Wake(ConsoleQueues.OutputOf(Number));
    }

    /// <inheritdoc/>
    public void BackEndChanged(Chardev backEnd)
    {
        _backEnd = backEnd;
        SizeChanged();
    }

    /// <summary>To the guest, a console is open with or without a reader.</summary>
    public void PeerChanged(bool isThere)
    {
        if (!IsConsole && _messages.HostIs(isThere))
        {
            _console.Wake(ConsoleQueues.ControlInput);
        }
    }

    /// <summary>Of a terminal that does not say how large it is there is nothing to say, either.</summary>
    public void SizeChanged()
    {
        if (IsConsole && _backEnd?.Size is { } size && size != _size && size != default)
        {
            _size = size;
            _console.SizeChanged(this);
        }
    }

    /// <inheritdoc/>
    public void Dispose() => _patience?.Dispose();

    /// <summary>The driver asks which ports there are.</summary>
    internal void DriverIsReady()
    {
        lock (_gate)
        {
            _messages.DriverIsReady();
        }

        _console.Wake(ConsoleQueues.ControlInput);
    }

    /// <summary>The driver has set the port up.</summary>
    internal void DriverHasSetUp()
    {
        lock (_gate)
        {
            _messages.DriverHasSetUp(_console.SaysSize && _size != default);
        }

        _console.Wake(ConsoleQueues.ControlInput);
    }

    /// <summary>The guest's end is open or closed.</summary>
    internal void GuestIs(bool open)
    {
        lock (_gate)
        {
            Volatile.Write(ref Record.GuestOpen, open);
        }

        _observer?.PortIs(open);
        _console.Wake(ConsoleQueues.InputOf(Number));
    }

    /// <summary>Writes the message that is due first.</summary>
    /// <returns>Its length; 0 if none is due.</returns>
    internal int TakeMessage(Span<byte> buffer)
    {
        lock (_gate)
        {
            return _messages.Take(buffer, _size);
        }
    }

    /// <summary>The driver's next buffer has room for so many bytes.</summary>
    internal void Offer(uint bytes)
    {
        lock (_gate)
        {
            _room = (int)Math.Min(bytes, (uint)(PortState.InputCapacity - Record.InputCount));
        }

        if (bytes > 0)
        {
            _backEnd?.InputReady();
        }
    }

    /// <summary>Takes what has come from the back end.</summary>
    /// <returns>How many bytes.</returns>
    internal int TakeInput(Span<byte> buffer)
    {
        lock (_gate)
        {
            int count = Math.Min(buffer.Length, Record.InputCount);
            var waiting = Record.Input.AsSpan(0, Record.InputCount);
            waiting[..count].CopyTo(buffer);
            waiting[count..].CopyTo(waiting);
            Record.InputCount -= (ushort)count;
            _room = 0;
            return count;
        }
    }

    /// <summary>A message with the terminal's new size is due. Gate held.</summary>
    internal void AnnounceSize()
    {
        if (_messages.SizeChanged())
        {
            _console.Wake(ConsoleQueues.ControlInput);
        }
    }

    /// <summary>Gives the back end bytes.</summary>
    /// <returns>How many it has taken; after fewer than all, the queue from the driver is woken when it takes more.</returns>
    internal int Write(ReadOnlySpan<byte> bytes)
    {
        lock (_gate)
        {
            int taken = _backEnd!.Write(bytes);
            if (taken == bytes.Length || _gaveUp)
            {
                return bytes.Length;
            }

            if (taken > 0 || !_waits)
            {
                _patience?.Arm(Patience);
            }

            _waits = true;
            return taken;
        }
    }

    /// <summary>One character that the driver writes without a queue. It is lost where the back end has no room.</summary>
    internal void WriteNow(byte value)
    {
        lock (_gate)
        {
            _backEnd?.Write([value]);
        }
    }

    /// <summary>No queue is served any more.</summary>
    internal void Stop()
    {
        lock (_gate)
        {
            (_room, _waits, _gaveUp) = (0, false, false);
        }

        _patience?.Disarm();
    }

    /// <summary>There is no driver any more.</summary>
    internal void ForgetDriver()
    {
        lock (_gate)
        {
            Record.Clear(Number, hostOpen: IsConsole ? HasBackEnd : Record.HostOpen && HasBackEnd);
        }

        _observer?.PortIs(open: false);
    }

    /// <summary>What is behind the waiting bytes is old input; it does not travel.</summary>
    internal void BeforeSave()
    {
        lock (_gate)
        {
            Record.Input.AsSpan(Record.InputCount).Clear();
        }
    }

    /// <summary>On the queue's thread: the back end has taken nothing for too long.</summary>
    private void LosePatience()
    {
        lock (_gate)
        {
            if (!_waits)
            {
                return;
            }

            _gaveUp = true;
        }

        _console.Wake(ConsoleQueues.OutputOf(Number));
    }
}

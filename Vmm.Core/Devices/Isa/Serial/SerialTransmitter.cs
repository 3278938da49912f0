// The transmitter of a 16550A on a line that is infinitely fast, but not for an interrupt handler.
//
// Linux's handler sends a FIFO and then looks whether the transmitter is empty again, as long as it is. On a line without a baud
// rate it always is, and the handler ends only when the guest has nothing left to print, its interrupts off all the while. So with
// the transmit interrupt enabled a burst is a FIFO long: the byte that completes it stays in the FIFO, with all that follow,
// and the line status says so, until the loop sends them and raises the interrupt. The loop is scheduled when the guest reads that no interrupt
// is due, which is how a handler ends; a guest that does not read it waits as long as a real line would need.
//
// A guest that polls (the transmit interrupt is disabled) is in no such handler, and what it writes is sent at once.
//
// A byte in the FIFO waits for the loop or for room in the back end; either way it is state, and the next process sends it.
// How much of a burst was sent is not: after an update a burst counts as complete, so that no interrupt gets two of them.

using Vmm.Core.Chardevs;
using Vmm.Core.Devices.Clock;
using static Vmm.Core.Devices.Isa.Serial.SerialRegisters;

namespace Vmm.Core.Devices.Isa.Serial;

/// <summary>Moves the transmit FIFO into the back end. Every member is called with the back end's gate held.</summary>
internal sealed class SerialTransmitter
{
    /// <summary>What a FIFO takes at 115,200 baud, in whole milliseconds.</summary>
    private static readonly TimeSpan FifoTime = TimeSpan.FromMilliseconds(2);

    private readonly SerialState _state;
    private readonly IDeviceTimer _timer;
    private readonly Action _sent;
    private readonly Action _sendOnLoop;
    private bool _isResumed;

    /// <summary>Bytes written with the interrupt enabled since the guest last read that none is due; no more than a FIFO is counted.</summary>
    private int _burst;

    /// <param name="state">The port's registers.</param>
    /// <param name="backEnd">Where bytes go to.</param>
    /// <param name="timer">Calls back on the loop.</param>
    /// <param name="sent">Called on the loop after it has sent: the interrupt may be due.</param>
    internal SerialTransmitter(SerialState state, Chardev backEnd, IDeviceTimer timer, Action sent)
    {
        _state = state;
        BackEnd = backEnd;
        _timer = timer;
        _sent = sent;
        _sendOnLoop = SendOnLoop;
    }

    /// <summary>Where bytes go to.</summary>
    internal Chardev BackEnd { get; set; }

    internal bool IsEmpty => _state.TransmitCount == 0;

    private SerialFifo Fifo => new(_state.TransmitBytes, ref _state.TransmitCount);

    private bool IsInterruptEnabled => (_state.InterruptEnable & EnableTransmitEmpty) != 0;

    /// <summary>Whether what is in the FIFO waits for the loop, which has been scheduled.</summary>
    private bool IsBurstOver => IsInterruptEnabled && _burst == SerialFifo.Depth;

    /// <summary>Takes a byte from the guest; there is room for it.</summary>
    internal void Write(byte value)
    {
        bool wasOver = IsBurstOver;
        Fifo.Append(value);
        if (IsInterruptEnabled)
        {
            _burst = Math.Min(_burst + 1, SerialFifo.Depth);
        }

        if (!IsBurstOver)
        {
            Send();
        }
        else if (!wasOver || _state.TransmitCount == 1)
        {
            SendAfter(FifoTime);
        }
    }

    /// <summary>The guest has read that no interrupt is due: its handler ends.</summary>
    internal void EndBurst()
    {
        bool waits = IsBurstOver && !IsEmpty;
        _burst = 0;
        if (waits)
        {
            SendAfter(TimeSpan.Zero);
        }
    }

    /// <summary>The transmit interrupt was enabled or disabled. A guest that disables it polls from now on.</summary>
    internal void InterruptSwitched()
    {
        Send();
        if (IsBurstOver && !IsEmpty)
        {
            SendAfter(FifoTime);
        }

        _state.TransmitEmptyPending = IsInterruptEnabled && IsEmpty;
    }

    /// <summary>The back end has room.</summary>
    internal void OutputReady()
    {
        if (!IsBurstOver)
        {
            Send();
        }
    }

    /// <summary>Empties the FIFO: what the back end has room for is sent, the rest is dropped.</summary>
    internal void Clear()
    {
        if (!IsEmpty)
        {
            Send();
            Fifo.Clear();
            _state.TransmitEmptyPending = true;
        }
    }

    /// <summary>Nothing waits for the loop any more, nor will until a burst is over again.</summary>
    internal void Flush()
    {
        _burst = 0;
        Send();
    }

    /// <summary>The state came from another process.</summary>
    internal void Arrive() => _burst = SerialFifo.Depth;

    /// <summary>Lets the loop send.</summary>
    internal void Resume()
    {
        _isResumed = true;
        if (!IsEmpty)
        {
            SendAfter(IsBurstOver ? FifoTime : TimeSpan.Zero);
        }
    }

    /// <summary>From now on the loop sends nothing.</summary>
    internal void Quiesce()
    {
        _isResumed = false;
        _timer.Disarm();
    }

    private void SendAfter(TimeSpan delay)
    {
        if (_isResumed)
        {
            _timer.Arm(delay, _sendOnLoop);
        }
    }

    private void SendOnLoop()
    {
        lock (BackEnd.Gate)
        {
            if (_isResumed)
            {
                Flush();
                _sent();
            }
        }
    }

    /// <summary>Moves the FIFO into the back end as far as that goes.</summary>
    private void Send()
    {
        if (IsEmpty)
        {
            return;
        }

        Fifo.Remove(BackEnd.Write(Fifo.Waiting));
        if (IsEmpty)
        {
            _state.TransmitEmptyPending = true;
        }
    }
}

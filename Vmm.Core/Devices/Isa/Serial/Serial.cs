// A 16550A serial port: how a PC guest has a console.
//
// Eight ports. A byte written to the data register goes to the back end at once; there is no baud rate to wait for. Bytes stay
// in the transmit FIFO when the back end has no room, or when too many would go into one interrupt (SerialTransmitter), and then the
// line status says that it is not empty and the guest waits, as it would for a slow line: nothing is dropped. Bytes come in
// only as many as the receive FIFO has room for.
//
// One interrupt line serves four causes; the identification register names the most urgent: line error, received data,
// transmitter empty, modem status. Received data is due at the FIFO's trigger level; below it, a real port waits for four
// character times of silence before it says "time-out". Here the line is infinitely fast, so it says so at once.
// Source: National Semiconductor PC16550D data sheet.

using Vmm.Core.Buses;
using Vmm.Core.Chardevs;
using Vmm.Core.Devices.Clock;
using Vmm.Core.Devices.Model;
using Vmm.Core.State;
using static Vmm.Core.Devices.Isa.Serial.SerialRegisters;

namespace Vmm.Core.Devices.Isa.Serial;

/// <summary>A 16550A on eight I/O ports.</summary>
public sealed class Serial : Device, IPortDevice, IStateful, IChangeableFrontEnd
{
    private readonly SerialState _state = new();
    private readonly ushort _firstPort;
    private readonly IInterruptLine _interrupt;
    private readonly SerialTransmitter _transmitter;
    private Chardev _backEnd;
    private bool _level;

    /// <summary>Creates the port in its power-on state and attaches it to its back end, which it does not touch yet.</summary>
    /// <param name="firstPort">0x3f8, 0x2f8, 0x3e8 or 0x2e8 on a PC.</param>
    /// <param name="interrupt">The wire of ISA interrupt 4, 3, 4 or 3.</param>
    /// <param name="backEnd">Where bytes go to and come from.</param>
    /// <param name="timer">Calls back on a loop, for what must not be done in the guest's own access.</param>
    public Serial(ushort firstPort, IInterruptLine interrupt, Chardev backEnd, IDeviceTimer timer)
    {
        _firstPort = firstPort;
        _interrupt = interrupt;
        _backEnd = backEnd;
        _transmitter = new SerialTransmitter(_state, backEnd, timer, UpdateInterrupt);
        PowerOn();
        backEnd.Attach(this);
    }

    /// <inheritdoc/>
    public PortRange Ports => new(_firstPort, Count);

    /// <inheritdoc/>
    public override int Instance => (int)Configuration.Get(SerialType.Index);

    /// <inheritdoc/>
    public override byte[] Aml => SerialType.AmlOf(Configuration);

    /// <inheritdoc/>
    public StateLayout Layout => SerialState.Layout;

    /// <inheritdoc/>
    public SavedForm CreateSavedForm(string section, int instance) => new SerialSavedForm(this, section, instance);

    /// <summary>How many bytes the guest's side can take now.</summary>
    public int Room => IsLoopback ? 0 : Math.Max(0, Capacity - _state.ReceiveCount);

    private SerialFifo Received => new(_state.ReceiveBytes, ref _state.ReceiveCount);

    private int Capacity => _state.IsFifo ? SerialFifo.Depth : 1;

    private bool IsLoopback => (_state.ModemControl & Loopback) != 0;

    private bool IsDivisorAccess => (_state.LineControl & DivisorLatchAccess) != 0;

    /// <inheritdoc/>
    public byte ReadByte(int offset)
    {
        lock (_backEnd.Gate)
        {
            return offset switch
            {
                Data => IsDivisorAccess ? (byte)_state.Divisor : ReadReceived(),
                InterruptEnable => IsDivisorAccess ? (byte)(_state.Divisor >> 8) : _state.InterruptEnable,
                InterruptIdentification => ReadIdentification(),
                LineControl => _state.LineControl,
                ModemControl => _state.ModemControl,
                LineStatus => ReadLineStatus(),
                ModemStatus => ReadModemStatus(),
                _ => _state.Scratch,
            };
        }
    }

    /// <inheritdoc/>
    public void WriteByte(int offset, byte value)
    {
        lock (_backEnd.Gate)
        {
            switch (offset)
            {
                case Data when IsDivisorAccess:
                    _state.Divisor = (ushort)((_state.Divisor & 0xff00) | value);
                    break;
                case Data:
                    WriteData(value);
                    break;
                case InterruptEnable when IsDivisorAccess:
                    _state.Divisor = (ushort)((_state.Divisor & 0x00ff) | (value << 8));
                    break;
                case InterruptEnable:
                    WriteInterruptEnable(value);
                    break;
                case InterruptIdentification:
                    WriteFifoControl(value);
                    break;
                case LineControl:
                    _state.LineControl = value;
                    break;
                case ModemControl:
                    WriteModemControl(value);
                    break;
                case Scratch:
                    _state.Scratch = value;
                    break;
                default:
                    // Line and modem status are read-only to every driver; factory tests alone write them.
                    break;
            }
        }
    }

    /// <summary>Takes the port to its power-on state. What was written stays written, as far as the back end has room for it.</summary>
    public override void Reset()
    {
        lock (_backEnd.Gate)
        {
            _transmitter.Flush();
            PowerOn();
            UpdateInterrupt();
        }

        _backEnd.InputReady();
    }

    /// <inheritdoc/>
    public void Receive(ReadOnlySpan<byte> bytes)
    {
        foreach (byte value in bytes)
        {
            ReceiveByte(value);
        }

        UpdateInterrupt();
    }

    /// <inheritdoc/>
    public void OutputReady()
    {
        _transmitter.OutputReady();
        UpdateInterrupt();
    }

    /// <inheritdoc/>
    public void BackEndChanged(Chardev backEnd) => _transmitter.BackEnd = _backEnd = backEnd;

    /// <inheritdoc/>
    public void Break()
    {
        // A zero byte that is no byte of the line; the mark is not kept with it, as the guest sees it before the byte.
        ReceiveByte(0);
        _state.LineErrors |= BreakInterrupt;
        UpdateInterrupt();
    }

    /// <inheritdoc/>
    public override void Resume()
    {
        lock (_backEnd.Gate)
        {
            _transmitter.Resume();
        }
    }

    /// <inheritdoc/>
    public override void Quiesce()
    {
        lock (_backEnd.Gate)
        {
            _transmitter.Quiesce();
        }
    }

    /// <inheritdoc/>
    public override void Flush()
    {
        lock (_backEnd.Gate)
        {
            _transmitter.Flush();
            UpdateInterrupt();
        }
    }

    /// <inheritdoc/>
    public void Save(StateWriter writer)
    {
        lock (_backEnd.Gate)
        {
            writer.Write(SerialState.Layout, _state);
        }
    }

    /// <inheritdoc/>
    public void Load(StateReader reader)
    {
        lock (_backEnd.Gate)
        {
            reader.Read(SerialState.Layout, _state);
            SerialFifo.RequireFits("recv_fifo", _state.ReceiveCount);
            SerialFifo.RequireFits("xmit_fifo", _state.TransmitCount);
            _transmitter.Arrive();
        }
    }

    /// <summary>Drives the interrupt line as the state says. Output that waited is sent after <see cref="Resume"/>.</summary>
    public void Apply()
    {
        lock (_backEnd.Gate)
        {
            UpdateInterrupt();
        }
    }

    private void PowerOn()
    {
        _state.Divisor = DefaultDivisor;
        _state.ReceiveBuffer = 0;
        _state.InterruptEnable = 0;
        _state.LineControl = 0;
        _state.ModemControl = 0;
        _state.LineErrors = 0;
        _state.ModemStatus = Connected;
        _state.Scratch = 0;
        _state.FifoControl = 0;
        _state.TransmitEmptyPending = false;
        _state.TransmitCount = 0;
        Received.Clear();
    }

    private byte ReadReceived()
    {
        if (_state.ReceiveCount > 0)
        {
            _state.ReceiveBuffer = Received.Waiting[0];
            Received.Remove(1);
            UpdateInterrupt();
            _backEnd.InputReady();
        }

        return _state.ReceiveBuffer;
    }

    private byte ReadIdentification()
    {
        byte identification = _state.Identification;
        byte pending = (byte)(identification & ~FifosEnabled);
        if (pending == InterruptTransmitEmpty)
        {
            _state.TransmitEmptyPending = false;
            UpdateInterrupt();
        }
        else if (pending == NoInterrupt)
        {
            _transmitter.EndBurst();
        }

        return identification;
    }

    private byte ReadLineStatus()
    {
        byte status = _state.LineStatus;
        _state.LineErrors = 0;
        UpdateInterrupt();
        return status;
    }

    private byte ReadModemStatus()
    {
        byte status = _state.ModemStatus;
        _state.ModemStatus &= unchecked((byte)~DeltaBits);
        UpdateInterrupt();
        return status;
    }

    private void WriteData(byte value)
    {
        _state.TransmitEmptyPending = false;
        UpdateInterrupt();
        if (IsLoopback)
        {
            ReceiveByte(value);
            _state.TransmitEmptyPending = true;
        }
        else if (_state.TransmitCount < Capacity)
        {
            _transmitter.Write(value);
        }

        UpdateInterrupt();
    }

    private void ReceiveByte(byte value)
    {
        if (_state.ReceiveCount < Capacity)
        {
            Received.Append(value);
        }
        else
        {
            _state.LineErrors |= OverrunError;
        }
    }

    /// <summary>Switching "transmitter empty" on makes it due if it is; drivers probe for just that.</summary>
    private void WriteInterruptEnable(byte value)
    {
        byte changed = (byte)((_state.InterruptEnable ^ value) & EnableAll);
        _state.InterruptEnable = (byte)(value & EnableAll);
        if ((changed & EnableTransmitEmpty) != 0)
        {
            _transmitter.InterruptSwitched();
        }

        UpdateInterrupt();
    }

    private void WriteFifoControl(byte value)
    {
        bool switched = ((value ^ _state.FifoControl) & FifoEnable) != 0;
        if (switched || (value & FifoClearReceive) != 0)
        {
            Received.Clear();
        }

        if (switched || (value & FifoClearTransmit) != 0)
        {
            _transmitter.Clear();
        }

        _state.FifoControl = (value & FifoEnable) != 0 ? (byte)(value & FifoStored) : (byte)0;
        UpdateInterrupt();
        _backEnd.InputReady();
    }

    private void WriteModemControl(byte value)
    {
        _state.ModemControl = (byte)(value & ModemControlBits);
        byte lines = IsLoopback ? LoopedLines(value) : Connected;
        byte changed = (byte)((_state.ModemStatus ^ lines) & ~DeltaBits);
        byte deltas = (byte)(changed >> 4);
        if ((lines & Ring) != 0)
        {
            // The ring indicator counts when it ends, not when it begins.
            deltas &= unchecked((byte)~TrailingRing);
        }

        _state.ModemStatus = (byte)(lines | (_state.ModemStatus & DeltaBits) | deltas);
        UpdateInterrupt();
        _backEnd.InputReady();
    }

    private void UpdateInterrupt()
    {
        bool level = _state.PendingInterrupt != NoInterrupt;
        if (level != _level)
        {
            _level = level;
            _interrupt.Set(level);
        }
    }
}

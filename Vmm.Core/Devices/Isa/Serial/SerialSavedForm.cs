// A serial port in a saved file: as QEMU's. There the registers that follow from others are written out, the byte that is offered to the back end
// has left the FIFO for the shift register, and without FIFOs a received byte is in the receive buffer.

using Vmm.Core.State;
using static Vmm.Core.Devices.Isa.Serial.SerialRegisters;

namespace Vmm.Core.Devices.Isa.Serial;

/// <summary>A serial port in a saved file.</summary>
internal sealed class SerialSavedForm : SavedForm<SerialState>
{
    private const byte Identification = 0x06;

    private readonly SavedSerial _record = new();

    internal SerialSavedForm(IStateful port, string section, int instance)
        : base(port, SerialState.Layout, new SerialState()) =>
        Parts = [new SavedPart<SavedSerial>(section, instance, SavedSerial.Layout, _record)];

    /// <inheritdoc/>
    public override IReadOnlyList<SavedPart> Parts { get; }

    private bool HasFifos => (_record.FifoControl & FifoEnable) != 0;

    /// <inheritdoc/>
    protected override void Fill(SerialState own)
    {
        _record.Divisor = own.Divisor;
        _record.InterruptEnable = own.InterruptEnable;
        _record.InterruptIdentification = own.Identification;
        _record.LineControl = own.LineControl;
        _record.ModemControl = own.ModemControl;
        _record.LineStatus = own.LineStatus;
        _record.ModemStatus = own.ModemStatus;
        _record.Scratch = own.Scratch;
        _record.FifoControl = own.FifoControl;
        var received = own.ReceiveBytes.AsSpan(0, own.ReceiveCount);
        _record.ReceiveBuffer = !HasFifos && own.ReceiveCount > 0 ? received[0] : own.ReceiveBuffer;
        _record.Received.Fill(HasFifos ? received : []);
        var transmitted = own.TransmitBytes.AsSpan(0, own.TransmitCount);
        (_record.Retries, _record.Shift) = transmitted.IsEmpty ? (0u, default) : (1u, transmitted[0]);
        _record.Transmitted.Fill(transmitted.IsEmpty ? [] : transmitted[1..]);
        _record.TimeoutPending = own.PendingInterrupt == InterruptTimeout ? 1 : 0;

        // While the interrupt is disabled it is not due; enabling it looks at the transmitter.
        bool isEnabled = (own.InterruptEnable & EnableTransmitEmpty) != 0;
        _record.TransmitEmptyPending = isEnabled && own.TransmitEmptyPending != IsIdentified ? (own.TransmitEmptyPending ? 1 : 0) : SavedSerial.Absent;
    }

    /// <inheritdoc/>
    protected override void Take(SerialState own)
    {
        own.Divisor = _record.Divisor;
        own.ReceiveBuffer = _record.ReceiveBuffer;
        own.InterruptEnable = _record.InterruptEnable;
        own.LineControl = _record.LineControl;
        own.ModemControl = _record.ModemControl;
        own.LineErrors = (byte)(_record.LineStatus & LineErrors);
        own.ModemStatus = _record.ModemStatus;
        own.Scratch = _record.Scratch;
        own.FifoControl = _record.FifoControl;
        own.TransmitEmptyPending = _record.TransmitEmptyPending == SavedSerial.Absent ? IsIdentified : _record.TransmitEmptyPending != 0;
        byte[] single = (_record.LineStatus & DataReady) != 0 ? [_record.ReceiveBuffer] : [];
        own.ReceiveCount = Put(HasFifos ? _record.Received.ToArray("recv_fifo") : single, own.ReceiveBytes);
        byte[] shifted = _record.Retries > 0 ? [_record.Shift] : [];
        byte[] transmitted = [.. shifted, .. _record.Transmitted.ToArray("xmit_fifo")];
        SerialFifo.RequireFits("tsr and xmit_fifo", (byte)transmitted.Length);
        own.TransmitCount = Put(transmitted, own.TransmitBytes);
    }

    private bool IsIdentified => (_record.InterruptIdentification & (NoInterrupt | Identification)) == InterruptTransmitEmpty;

    private static byte Put(byte[] bytes, byte[] fifo)
    {
        bytes.CopyTo(fifo, 0);
        return (byte)bytes.Length;
    }
}

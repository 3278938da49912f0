using Vmm.Core.State;
using static Vmm.Core.Devices.Isa.Serial.SerialRegisters;

namespace Vmm.Core.Devices.Isa.Serial;

/// <summary>The registers and FIFOs of a 16550A.</summary>
internal sealed class SerialState
{
    internal static readonly StateLayout<SerialState> Layout = new("serial", version: 3)
    {
        { "divider", s => ref s.Divisor },
        { "rbr", s => ref s.ReceiveBuffer },
        { "ier", s => ref s.InterruptEnable },
        { "lcr", s => ref s.LineControl },
        { "mcr", s => ref s.ModemControl },
        { "lsr_errors", s => ref s.LineErrors },
        { "msr", s => ref s.ModemStatus },
        { "scr", s => ref s.Scratch },
        { "fcr", s => ref s.FifoControl },
        { "thr_ipending", s => ref s.TransmitEmptyPending },
        {
            new StateLayout<SerialState>("serial/recv_fifo", version: 1)
            {
                { "count", s => ref s.ReceiveCount },
                { "data", s => s.ReceiveBytes, SerialFifo.Depth },
            },
            s => s.ReceiveCount > 0
        },
        {
            new StateLayout<SerialState>("serial/xmit_fifo", version: 1)
            {
                { "count", s => ref s.TransmitCount },
                { "data", s => s.TransmitBytes, SerialFifo.Depth },
            },
            s => s.TransmitCount > 0
        },
    };

    /// <summary>Divisor latch: 115,200 divided by the rate.</summary>
    internal ushort Divisor;

    /// <summary>The byte that was read last, read again when there is no new one.</summary>
    internal byte ReceiveBuffer;

    /// <summary>Interrupt enable register.</summary>
    internal byte InterruptEnable;

    /// <summary>Line control register.</summary>
    internal byte LineControl;

    /// <summary>Modem control register.</summary>
    internal byte ModemControl;

    /// <summary>The error bits of the line status register; its other bits follow from the FIFOs.</summary>
    internal byte LineErrors;

    /// <summary>Modem status register.</summary>
    internal byte ModemStatus;

    /// <summary>Scratch register.</summary>
    internal byte Scratch;

    /// <summary>FIFO control register: enable, DMA mode, trigger level.</summary>
    internal byte FifoControl;

    /// <summary>Whether the interrupt "transmit holding register empty" is due, which reading IIR or writing a byte takes back.</summary>
    internal bool TransmitEmptyPending;

    /// <summary>How many bytes have been received and not read.</summary>
    internal byte ReceiveCount;

    /// <summary>The received bytes, oldest first.</summary>
    internal readonly byte[] ReceiveBytes = new byte[SerialFifo.Depth];

    /// <summary>How many bytes wait for the back end.</summary>
    internal byte TransmitCount;

    /// <summary>The bytes that wait, oldest first.</summary>
    internal readonly byte[] TransmitBytes = new byte[SerialFifo.Depth];

    /// <summary>Whether the FIFOs are on.</summary>
    internal bool IsFifo => (FifoControl & FifoEnable) != 0;

    /// <summary>The line status register.</summary>
    internal byte LineStatus => (byte)(LineErrors
        | (ReceiveCount > 0 ? DataReady : 0)
        | (TransmitCount == 0 ? TransmitHoldingEmpty | TransmitterEmpty : 0));

    /// <summary>The most urgent of the interrupts that are due.</summary>
    internal byte PendingInterrupt => 0 switch
    {
        _ when (InterruptEnable & EnableLineStatus) != 0 && (LineErrors & SerialRegisters.LineErrors) != 0 => InterruptLineStatus,
        _ when (InterruptEnable & EnableReceived) != 0 && ReceiveCount >= TriggerLevel => InterruptReceived,
        _ when (InterruptEnable & EnableReceived) != 0 && ReceiveCount > 0 => InterruptTimeout,
        _ when (InterruptEnable & EnableTransmitEmpty) != 0 && TransmitEmptyPending => InterruptTransmitEmpty,
        _ when (InterruptEnable & EnableModemStatus) != 0 && (ModemStatus & DeltaBits) != 0 => InterruptModemStatus,
        _ => NoInterrupt,
    };

    /// <summary>The interrupt identification register.</summary>
    internal byte Identification => (byte)(PendingInterrupt | (IsFifo ? FifosEnabled : 0));

    private int TriggerLevel => !IsFifo ? 1 : (FifoControl >> FifoTriggerShift) switch { 0 => 1, 1 => 4, 2 => 8, _ => 14 };
}

using Vmm.Core.State;

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
}

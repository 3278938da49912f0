using Vmm.Core.State;

namespace Vmm.Core.Devices.Isa.Serial;

/// <summary>The registers and FIFOs of a 16550A.</summary>
public sealed class SerialState
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

    private readonly byte[] _receiveBytes = new byte[SerialFifo.Depth];
    private readonly byte[] _transmitBytes = new byte[SerialFifo.Depth];
    private ushort _divisor;
    private byte _receiveBuffer;
    private byte _interruptEnable;
    private byte _lineControl;
    private byte _modemControl;
    private byte _lineErrors;
    private byte _modemStatus;
    private byte _scratch;
    private byte _fifoControl;
    private byte _receiveCount;
    private byte _transmitCount;
    private bool _transmitEmptyPending;

    /// <summary>Divisor latch: 115,200 divided by the rate.</summary>
    public ref ushort Divisor => ref _divisor;

    /// <summary>The byte that was read last, read again when there is no new one.</summary>
    public ref byte ReceiveBuffer => ref _receiveBuffer;

    /// <summary>Interrupt enable register.</summary>
    public ref byte InterruptEnable => ref _interruptEnable;

    /// <summary>Line control register.</summary>
    public ref byte LineControl => ref _lineControl;

    /// <summary>Modem control register.</summary>
    public ref byte ModemControl => ref _modemControl;

    /// <summary>The error bits of the line status register; its other bits follow from the FIFOs.</summary>
    public ref byte LineErrors => ref _lineErrors;

    /// <summary>Modem status register.</summary>
    public ref byte ModemStatus => ref _modemStatus;

    /// <summary>Scratch register.</summary>
    public ref byte Scratch => ref _scratch;

    /// <summary>FIFO control register: enable, DMA mode, trigger level.</summary>
    public ref byte FifoControl => ref _fifoControl;

    /// <summary>Whether the interrupt "transmit holding register empty" is due, which reading IIR or writing a byte takes back.</summary>
    public ref bool TransmitEmptyPending => ref _transmitEmptyPending;

    /// <summary>How many bytes have been received and not read.</summary>
    public ref byte ReceiveCount => ref _receiveCount;

    /// <summary>The received bytes, oldest first.</summary>
    public Span<byte> ReceiveBytes => _receiveBytes;

    /// <summary>How many bytes wait for the back end.</summary>
    public ref byte TransmitCount => ref _transmitCount;

    /// <summary>The bytes that wait, oldest first.</summary>
    public Span<byte> TransmitBytes => _transmitBytes;
}

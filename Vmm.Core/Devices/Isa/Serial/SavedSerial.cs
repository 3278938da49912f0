using Vmm.Core.State;

namespace Vmm.Core.Devices.Isa.Serial;

/// <summary>A serial port as QEMU's section has it.</summary>
internal sealed class SavedSerial
{
    /// <summary>The value of fields that a file may not have.</summary>
    internal const int Absent = -1;

    internal static readonly StateLayout<SavedSerial> Layout = new("serial", version: 3)
    {
        {
            "state",
            s => s,
            new StateLayout<SavedSerial>("serial", version: 3)
            {
                { "divider", s => ref s.Divisor },
                { "rbr", s => ref s.ReceiveBuffer },
                { "ier", s => ref s.InterruptEnable },
                { "iir", s => ref s.InterruptIdentification },
                { "lcr", s => ref s.LineControl },
                { "mcr", s => ref s.ModemControl },
                { "lsr", s => ref s.LineStatus },
                { "msr", s => ref s.ModemStatus },
                { "scr", s => ref s.Scratch },
                { "fcr_vmstate", s => ref s.FifoControl },
                { PendingLayout, s => s.TransmitEmptyPending != Absent },
                { ShiftLayout, s => s.Retries > 0 },
                { FifoLayout("recv_fifo", s => s.Received), s => s.Received.Count > 0 },
                { FifoLayout("xmit_fifo", s => s.Transmitted), s => s.Transmitted.Count > 0 },
                { TimeoutLayout, s => s.TimeoutPending != 0 },
            }
        },
    };

    /// <summary>Divisor latch.</summary>
    internal ushort Divisor;

    /// <summary>Without FIFOs the byte that has been received, with them the last one that was read.</summary>
    internal byte ReceiveBuffer;

    /// <summary>Interrupt enable register.</summary>
    internal byte InterruptEnable;

    /// <summary>Interrupt identification register.</summary>
    internal byte InterruptIdentification;

    /// <summary>Line control register.</summary>
    internal byte LineControl;

    /// <summary>Modem control register.</summary>
    internal byte ModemControl;

    /// <summary>Line status register.</summary>
    internal byte LineStatus;

    /// <summary>Modem status register.</summary>
    internal byte ModemStatus;

    /// <summary>Scratch register.</summary>
    internal byte Scratch;

    /// <summary>FIFO control register.</summary>
    internal byte FifoControl;

    /// <summary>Whether "transmit holding register empty" is due; <see cref="Absent"/> where the interrupt identification says it.</summary>
    internal int TransmitEmptyPending = Absent;

    /// <summary>How often the byte in the shift register was offered to the back end; 0 when that is empty.</summary>
    internal uint Retries;

    /// <summary>The holding register of a port without FIFOs.</summary>
    internal byte Holding;

    /// <summary>The shift register.</summary>
    internal byte Shift;

    /// <summary>What has been received, with FIFOs.</summary>
    internal readonly Fifo Received = new();

    /// <summary>What waits behind the shift register.</summary>
    internal readonly Fifo Transmitted = new();

    /// <summary>Whether the time-out of received bytes is due.</summary>
    internal int TimeoutPending;

    private static StateLayout<SavedSerial> PendingLayout => new("serial/thr_ipending", version: 1)
    {
        { "thr_ipending", s => ref s.TransmitEmptyPending },
    };

    private static StateLayout<SavedSerial> ShiftLayout => new("serial/tsr", version: 1)
    {
        { "tsr_retry", s => ref s.Retries },
        { "thr", s => ref s.Holding },
        { "tsr", s => ref s.Shift },
    };

    private static StateLayout<SavedSerial> TimeoutLayout => new("serial/timeout_ipending", version: 1)
    {
        { "timeout_ipending", s => ref s.TimeoutPending },
    };

    private static StateLayout<SavedSerial> FifoLayout(string name, Func<SavedSerial, Fifo> fifo) => new($"serial/{name}", version: 1)
    {
        { name, fifo, Fifo.Layout },
    };

    /// <summary>A ring of bytes.</summary>
    internal sealed class Fifo
    {
        internal static readonly StateLayout<Fifo> Layout = new("Fifo8", version: 1)
        {
            { "data", s => s._bytes, SerialFifo.Depth },
            { "head", s => ref s._head },
            { "num", s => ref s.Count },
        };

        private readonly byte[] _bytes = new byte[SerialFifo.Depth];
        private uint _head;

        /// <summary>How many bytes are in it.</summary>
        internal uint Count;

        internal void Fill(ReadOnlySpan<byte> bytes)
        {
            Array.Clear(_bytes);
            bytes.CopyTo(_bytes);
            (_head, Count) = (0, (uint)bytes.Length);
        }

        /// <summary>The bytes, oldest first.</summary>
        /// <exception cref="StateException">There are more than there can be.</exception>
        internal byte[] ToArray(string name)
        {
            if (Count > SerialFifo.Depth || _head >= SerialFifo.Depth)
            {
                throw new StateException($"serial {name}: head below {SerialFifo.Depth} and at most {SerialFifo.Depth} bytes expected, {_head} and {Count} found");
            }

            return [.. Enumerable.Range(0, (int)Count).Select(i => _bytes[(_head + i) % SerialFifo.Depth])];
        }
    }
}

namespace Vmm.Core.Devices.Isa.Serial;

/// <summary>Register offsets and bits of the 16550A. Source: National Semiconductor PC16550D data sheet.</summary>
internal static class SerialRegisters
{
    /// <summary>Receive buffer when read, transmit holding register when written; low divisor byte under DLAB.</summary>
    internal const int Data = 0;

    /// <summary>Interrupt enable; high divisor byte under DLAB.</summary>
    internal const int InterruptEnable = 1;

    /// <summary>Interrupt identification when read, FIFO control when written.</summary>
    internal const int InterruptIdentification = 2;
    internal const int LineControl = 3;
    internal const int ModemControl = 4;
    internal const int LineStatus = 5;
    internal const int ModemStatus = 6;
    internal const int Scratch = 7;
    internal const int Count = 8;

    internal const byte EnableReceived = 0x01;
    internal const byte EnableTransmitEmpty = 0x02;
    internal const byte EnableLineStatus = 0x04;
    internal const byte EnableModemStatus = 0x08;
    internal const byte EnableAll = 0x0f;

    internal const byte NoInterrupt = 0x01;
    internal const byte InterruptModemStatus = 0x00;
    internal const byte InterruptTransmitEmpty = 0x02;
    internal const byte InterruptReceived = 0x04;
    internal const byte InterruptLineStatus = 0x06;
    internal const byte InterruptTimeout = 0x0c;
    internal const byte FifosEnabled = 0xc0;

    internal const byte FifoEnable = 0x01;
    internal const byte FifoClearReceive = 0x02;
    internal const byte FifoClearTransmit = 0x04;
    internal const byte FifoStored = 0xc9;
    internal const int FifoTriggerShift = 6;

    internal const byte DivisorLatchAccess = 0x80;

    internal const byte Dtr = 0x01;
    internal const byte Rts = 0x02;
    internal const byte Out1 = 0x04;
    internal const byte Out2 = 0x08;
    internal const byte Loopback = 0x10;
    internal const byte ModemControlBits = 0x1f;

    internal const byte DataReady = 0x01;
    internal const byte OverrunError = 0x02;
    internal const byte BreakInterrupt = 0x10;
    internal const byte LineErrors = 0x1e;
    internal const byte TransmitHoldingEmpty = 0x20;
    internal const byte TransmitterEmpty = 0x40;

    internal const byte DeltaBits = 0x0f;
    internal const byte TrailingRing = 0x04;
    internal const byte Cts = 0x10;
    internal const byte Dsr = 0x20;
    internal const byte Ring = 0x40;
    internal const byte CarrierDetect = 0x80;

    /// <summary>The modem lines of a cable with a peer at its other end.</summary>
    internal const byte Connected = Cts | Dsr | CarrierDetect;

    /// <summary>9600 baud from 1.8432 MHz.</summary>
    internal const ushort DefaultDivisor = 12;

    /// <summary>The modem lines that a port in loopback sees for what is written to its modem control register.</summary>
    internal static byte LoopedLines(byte control) => (byte)(
        ((control & Rts) != 0 ? Cts : 0)
        | ((control & Dtr) != 0 ? Dsr : 0)
        | ((control & Out1) != 0 ? Ring : 0)
        | ((control & Out2) != 0 ? CarrierDetect : 0));
}

// What Linux's 8250 driver does to print in bulk, register by register: the interrupt handler continues as long as the port names a
// cause, and each time that the transmitter is empty it writes a FIFO without looking again. When there is nothing left to print
// it disables the transmit interrupt, and a process that has more to print enables it.

using Vmm.Core.Buses;

namespace Vmm.Tests.Unit.Devices;

/// <summary>A driver with text to print, on a port at 0x3f8.</summary>
/// <param name="bus">Where the port is.</param>
/// <param name="load">How many bytes it writes when the transmitter is empty: a FIFO, or 1 without one.</param>
internal sealed class LinuxSerialDriver(PortBus bus, int load = 16)
{
    private const int Data = 0x3f8;
    private const int InterruptEnable = 0x3f9;
    private const int Identification = 0x3fa;
    private const int LineStatus = 0x3fd;

    private const byte TransmitterEmpty = 0x20;
    private const byte NoInterrupt = 0x01;

    private readonly Queue<byte> _text = new();
    private bool _isEnabled;

    /// <summary>Where it is; the next process's bus after an update.</summary>
    internal PortBus Bus { get; set; } = bus;

    /// <summary>How many bytes it has not written yet.</summary>
    internal int Left => _text.Count;

    /// <summary>Called after each access of the port, with the number of bytes that this interrupt has written.</summary>
    internal Action<int> Accessed { get; set; } = static _ => { };

    /// <summary>Prints, as a process does that writes to the terminal.</summary>
    internal void Print(ReadOnlySpan<byte> text)
    {
        foreach (byte value in text)
        {
            _text.Enqueue(value);
        }

        Enable(true);
    }

    /// <summary>Handles one interrupt.</summary>
    /// <returns>How many bytes were written in it.</returns>
    internal int Interrupt()
    {
        int written = 0;
        while ((Bus.Read(Identification, 1) & NoInterrupt) == 0)
        {
            Accessed(written);
            bool isEmpty = (Bus.Read(LineStatus, 1) & TransmitterEmpty) != 0;
            Accessed(written);
            if (!isEmpty || !_isEnabled)
            {
                continue;
            }

            for (int i = 0; i < load && _text.TryDequeue(out byte value); i++)
            {
                Bus.Write(Data, 1, value);
                Accessed(++written);
            }

            if (_text.Count == 0)
            {
                Enable(false);
            }
        }

        return written;
    }

    private void Enable(bool isEnabled)
    {
        if (_isEnabled != isEnabled)
        {
            _isEnabled = isEnabled;
            Bus.Write(InterruptEnable, 1, isEnabled ? 0x02u : 0u);
        }
    }
}

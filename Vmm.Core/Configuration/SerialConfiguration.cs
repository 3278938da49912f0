namespace Vmm.Core.Configuration;

/// <summary>A 16550 serial port at a PC's place for it.</summary>
/// <param name="Index">0 to 3: COM1 to COM4.</param>
/// <param name="ChardevId">The chardev behind it.</param>
/// <param name="Id">The device's id; null if it was given none.</param>
public sealed record SerialConfiguration(int Index, string ChardevId, string? Id)
{
    /// <summary>How many serial ports a PC has places for.</summary>
    public const int MaxPorts = 4;

    private static readonly ushort[] IoBases = [0x3f8, 0x2f8, 0x3e8, 0x2e8];

    /// <summary>First of its eight ports.</summary>
    public ushort IoBase => IoBases[Index];

    /// <summary>Its ISA interrupt: 4 for COM1 and COM3, 3 for COM2 and COM4.</summary>
    public int Irq => Index % 2 == 0 ? 4 : 3;
}

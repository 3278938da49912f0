namespace Vmm.Core.Devices.Isa.Acpi;

/// <summary>
/// Where the ACPI fixed hardware is and what its bits mean: the FADT, the MADT and the DSDT give the guest the same numbers.
/// Source: ACPI specification 6.5, chapter 4.8.
/// </summary>
public static class AcpiRegisters
{
    /// <summary>First port of the PM1a event block: a status and an enable register of 16 bits each.</summary>
    public const ushort Pm1EventPort = 0x600;

    /// <summary>Length of the PM1a event block (FADT PM1_EVT_LEN).</summary>
    public const byte Pm1EventLength = 4;

    /// <summary>Port of the PM1a control register.</summary>
    public const ushort Pm1ControlPort = 0x604;

    /// <summary>Length of the PM1a control register (FADT PM1_CNT_LEN).</summary>
    public const byte Pm1ControlLength = 2;

    /// <summary>Port of the power management timer.</summary>
    public const ushort TimerPort = 0x608;

    /// <summary>Length of the power management timer (FADT PM_TMR_LEN).</summary>
    public const byte TimerLength = 4;

    /// <summary>Width of the timer: the FADT leaves TMR_VAL_EXT clear.</summary>
    public const int TimerBits = 24;

    /// <summary>Ticks a second of the timer.</summary>
    public const uint TimerFrequency = 3_579_545;

    /// <summary>The global system interrupt of the SCI: level-triggered, active high, in the MADT as an override of ISA interrupt 9.</summary>
    public const byte SystemControlInterrupt = 9;

    /// <summary>SMI_CMD of the FADT: there is none, the machine is in ACPI mode from the start and SCI_EN always reads 1.</summary>
    public const uint SmiCommandPort = 0;

    /// <summary>RESET_REG of the FADT: the keyboard controller's command port.</summary>
    public const ushort ResetPort = 0x64;

    /// <summary>RESET_VALUE of the FADT: pulse the reset line.</summary>
    public const byte ResetValue = 0xfe;

    /// <summary>SLP_TYP of the S5 state, the first element of the DSDT's <c>\_S5</c>.</summary>
    public const byte SleepTypeS5 = 5;

    internal const ushort TimerStatus = 1 << 0;
    internal const ushort GlobalStatus = 1 << 5;
    internal const ushort PowerButtonStatus = 1 << 8;
    internal const ushort RtcStatus = 1 << 10;
    internal const ushort EnableBits = TimerStatus | GlobalStatus | PowerButtonStatus | RtcStatus;

    internal const ushort SciEnable = 1 << 0;
    internal const ushort SleepTypeMask = 7 << SleepTypeShift;
    internal const int SleepTypeShift = 10;
    internal const ushort SleepEnable = 1 << 13;
}

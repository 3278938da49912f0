namespace Vmm.Core.Acpi;

/// <summary>Where ACPI's fixed hardware is, as the FADT, the MADT and the DSDT say it. Source: ACPI specification 6.5, chapter 4.8.</summary>
public sealed record FixedHardware
{
    /// <summary>First port of the PM1a event block.</summary>
    public required ushort EventPort { get; init; }

    /// <summary>Length of the PM1a event block in bytes.</summary>
    public required byte EventLength { get; init; }

    /// <summary>First port of the PM1a control block.</summary>
    public required ushort ControlPort { get; init; }

    /// <summary>Length of the PM1a control block in bytes.</summary>
    public required byte ControlLength { get; init; }

    /// <summary>First port of the power management timer.</summary>
    public required ushort TimerPort { get; init; }

    /// <summary>Length of the power management timer in bytes.</summary>
    public required byte TimerLength { get; init; }

    /// <summary>The global system interrupt of the SCI: level-triggered, active high.</summary>
    public required byte SystemControlInterrupt { get; init; }

    /// <summary>SMI_CMD; 0 for a machine that is in ACPI mode from the start.</summary>
    public required uint SmiCommandPort { get; init; }

    /// <summary>The port of RESET_REG.</summary>
    public required ushort ResetPort { get; init; }

    /// <summary>What is written there to reset the machine.</summary>
    public required byte ResetValue { get; init; }

    /// <summary>SLP_TYP of the S5 state, off.</summary>
    public required byte SleepTypeS5 { get; init; }
}

/// <summary>A device that is ACPI's fixed hardware: a machine that has one has ACPI tables.</summary>
public interface IFixedHardware
{
    /// <summary>Where the guest finds it.</summary>
    FixedHardware FixedHardware { get; }
}

using Vmm.Core.State;

namespace Vmm.Core.Devices.Isa.Acpi;

/// <summary>The PM1 registers, and how much of the timer the guest has acknowledged.</summary>
internal sealed class AcpiState
{
    internal static readonly StateLayout<AcpiState> Layout = new("acpi_pm", version: 1)
    {
        { "pm1.sts", s => ref s.Status },
        { "pm1.en", s => ref s.Enable },
        { "pm1.cnt", s => ref s.Control },
        { "tmr.acknowledged", s => ref s.TimerAcknowledged },
    };

    /// <summary>PM1 status, without TMR_STS, which is computed.</summary>
    internal ushort Status;

    /// <summary>PM1 enable.</summary>
    internal ushort Enable;

    /// <summary>PM1 control: SLP_TYP alone; SCI_EN is fixed and SLP_EN reads as 0.</summary>
    internal ushort Control;

    /// <summary>How many times the timer's highest bit had changed when the guest last cleared TMR_STS.</summary>
    internal ulong TimerAcknowledged;
}

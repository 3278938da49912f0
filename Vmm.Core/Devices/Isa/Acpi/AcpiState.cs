using Vmm.Core.State;

namespace Vmm.Core.Devices.Isa.Acpi;

/// <summary>The PM1 registers, and how much of the timer the guest has acknowledged.</summary>
public sealed class AcpiState
{
    internal static readonly StateLayout<AcpiState> Layout = new("acpi_pm", version: 1)
    {
        { "pm1.sts", s => ref s.Status },
        { "pm1.en", s => ref s.Enable },
        { "pm1.cnt", s => ref s.Control },
        { "tmr.acknowledged", s => ref s.TimerAcknowledged },
    };

    private ushort _status;
    private ushort _enable;
    private ushort _control;
    private ulong _timerAcknowledged;

    /// <summary>PM1 status, without TMR_STS, which is computed.</summary>
    public ref ushort Status => ref _status;

    /// <summary>PM1 enable.</summary>
    public ref ushort Enable => ref _enable;

    /// <summary>PM1 control: SLP_TYP alone; SCI_EN is fixed and SLP_EN reads as 0.</summary>
    public ref ushort Control => ref _control;

    /// <summary>How many times the timer's highest bit had changed when the guest last cleared TMR_STS.</summary>
    public ref ulong TimerAcknowledged => ref _timerAcknowledged;
}

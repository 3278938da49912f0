using Vmm.Core.Machines;
using Vmm.Qmp.Schema;

namespace Vmm.Qmp.Commands;

/// <summary>What happens to the machine, as QMP events.</summary>
public static class MachineEvents
{
    /// <summary>The event that reports <paramref name="happened"/>.</summary>
    public static QapiEvent ToQapi(MachineEvent happened) => happened switch
    {
        MachineStopped => new StopEvent(),
        MachineResumed => new ResumeEvent(),
        MachinePowerButton => new PowerdownEvent(),
        MachineReset reset => new ResetEvent { Guest = IsGuests(reset.Cause), Reason = reset.Cause.ToQapi() },
        MachineShutdown shutdown => new ShutdownEvent { Guest = IsGuests(shutdown.Cause), Reason = shutdown.Cause.ToQapi() },
        _ => throw new ArgumentOutOfRangeException(nameof(happened), happened, "there is no event for this"),
    };

    private static bool IsGuests(Core.Machines.ShutdownCause cause) =>
        cause is >= Core.Machines.ShutdownCause.GuestShutdown and <= Core.Machines.ShutdownCause.GuestPanic;
}

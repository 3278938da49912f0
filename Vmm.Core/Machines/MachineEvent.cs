namespace Vmm.Core.Machines;

/// <summary>Something that happened to the machine and is reported to management.</summary>
/// <param name="At">When it happened.</param>
public abstract record MachineEvent(DateTimeOffset At);

/// <summary>The guest stopped running.</summary>
public sealed record MachineStopped(DateTimeOffset At) : MachineEvent(At);

/// <summary>The guest runs.</summary>
public sealed record MachineResumed(DateTimeOffset At) : MachineEvent(At);

/// <summary>The power button was pressed.</summary>
public sealed record MachinePowerButton(DateTimeOffset At) : MachineEvent(At);

/// <summary>The machine was reset.</summary>
/// <param name="At">When.</param>
/// <param name="Cause">Why.</param>
public sealed record MachineReset(DateTimeOffset At, ShutdownCause Cause) : MachineEvent(At);

/// <summary>The machine is shutting down, or has (with -no-shutdown).</summary>
/// <param name="At">When.</param>
/// <param name="Cause">Why.</param>
public sealed record MachineShutdown(DateTimeOffset At, ShutdownCause Cause) : MachineEvent(At);

/// <summary>The guest's software has opened or closed a port.</summary>
/// <param name="At">When.</param>
/// <param name="Id">The id of the port's device.</param>
/// <param name="IsOpen">Whether it is open now.</param>
public sealed record GuestPortChanged(DateTimeOffset At, string Id, bool IsOpen) : MachineEvent(At);

using System.Runtime.InteropServices;
using Vmm.Core.Backends.Block;

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

/// <summary>A request of a disk failed.</summary>
/// <param name="At">When.</param>
/// <param name="Disk">The disk.</param>
/// <param name="Path">Its device in the tree of objects.</param>
/// <param name="IsRead">Whether it was a read.</param>
/// <param name="Errno">Why.</param>
/// <param name="Action">What is done: reported to the guest, ignored, or the guest stopped.</param>
public sealed record MachineDiskError(DateTimeOffset At, BlockDisk Disk, string Path, bool IsRead, int Errno, BlockErrorAction Action) : MachineEvent(At)
{
    private const int NoSpace = 28; // ENOSPC

    /// <summary>Whether there is no space left.</summary>
    public bool IsNoSpace => Errno == NoSpace;

    /// <summary>The host's words for the error.</summary>
    public string Reason => Marshal.GetPInvokeErrorMessage(Errno);
}

/// <summary>The guest has changed which frames a network card receives.</summary>
/// <param name="At">When.</param>
/// <param name="Id">The id of the card's device; null if it was given none.</param>
/// <param name="Path">The device in the tree of objects.</param>
public sealed record MachineReceiveFilterChanged(DateTimeOffset At, string? Id, string Path) : MachineEvent(At);

/// <summary>A stream of a network back end has a peer.</summary>
/// <param name="At">When.</param>
/// <param name="Id">The id of the back end.</param>
/// <param name="Address">Where the two have met: "unix:/run/vm.sock", "tcp:127.0.0.1:4444", "fd:7".</param>
public sealed record MachineNetdevConnected(DateTimeOffset At, string Id, string Address) : MachineEvent(At);

/// <summary>The peer of a network back end has gone.</summary>
/// <param name="At">When.</param>
/// <param name="Id">The id of the back end.</param>
public sealed record MachineNetdevDisconnected(DateTimeOffset At, string Id) : MachineEvent(At);

/// <summary>The guest's software has opened or closed a port.</summary>
/// <param name="At">When.</param>
/// <param name="Id">The id of the port's device.</param>
/// <param name="IsOpen">Whether it is open now.</param>
public sealed record GuestPortChanged(DateTimeOffset At, string Id, bool IsOpen) : MachineEvent(At);

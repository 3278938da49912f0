namespace Vmm.Core.Machines;

/// <summary>
/// Why a machine is reset or shut down: the members of QEMU's ShutdownCause, in its order. On the wire a name is written with hyphens:
/// <c>guest-shutdown</c>. Everything from <see cref="GuestShutdown"/> to <see cref="GuestPanic"/> is the guest's own doing.
/// </summary>
public enum ShutdownCause
{
    /// <summary>No shutdown is requested.</summary>
    None,

    /// <summary>An error prevents further use of the guest.</summary>
    HostError,

    /// <summary>The command <c>quit</c>.</summary>
    HostQmpQuit,

    /// <summary>The command <c>system_reset</c>.</summary>
    HostQmpSystemReset,

    /// <summary>SIGINT, SIGTERM or SIGHUP.</summary>
    HostSignal,

    /// <summary>The user closed a window.</summary>
    HostUi,

    /// <summary>The guest powered off, by ACPI or another way.</summary>
    GuestShutdown,

    /// <summary>The guest asked for a reset, and resets are turned into shutdowns.</summary>
    GuestReset,

    /// <summary>The guest reported a panic.</summary>
    GuestPanic,

    /// <summary>A part of the machine is reset; the guest is not notified.</summary>
    SubsystemReset,

    /// <summary>A snapshot is being loaded.</summary>
    SnapshotLoad,
}

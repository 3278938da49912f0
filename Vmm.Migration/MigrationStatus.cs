namespace Vmm.Migration;

/// <summary>Where a migration stands; the names are QEMU's.</summary>
public enum MigrationStatus
{
    /// <summary>There never was one.</summary>
    None,

    /// <summary>The two processes prepare; the guest runs.</summary>
    Setup,

    /// <summary>A cancel is under way.</summary>
    Cancelling,

    /// <summary>It was cancelled; the guest is here.</summary>
    Cancelled,

    /// <summary>The main channel is in use.</summary>
    Active,

    /// <summary>The guest is stopped and its devices' state is on the way.</summary>
    Device,

    /// <summary>The guest is in the new process.</summary>
    Completed,

    /// <summary>It failed; the guest is in the old process.</summary>
    Failed,
}

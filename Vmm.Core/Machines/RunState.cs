namespace Vmm.Core.Machines;

/// <summary>What a machine is doing; the names are QEMU's run states.</summary>
public enum RunState
{
    /// <summary>Built and never run, because it was asked to start paused.</summary>
    Prelaunch,

    /// <summary>Waiting for a guest from another process.</summary>
    Inmigrate,

    /// <summary>The guest runs.</summary>
    Running,

    /// <summary>Stopped by a command.</summary>
    Paused,

    /// <summary>Stopped for the switch of a migration.</summary>
    FinishMigrate,

    /// <summary>The guest went to another process.</summary>
    Postmigrate,

    /// <summary>The guest shut down and the process stays (-no-shutdown).</summary>
    Shutdown,

    /// <summary>Stopped because a request of a disk failed; it is made again when the guest continues.</summary>
    IoError,

    /// <summary>The hypervisor could not run the guest any further.</summary>
    InternalError,
}

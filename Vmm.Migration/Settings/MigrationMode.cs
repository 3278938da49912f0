namespace Vmm.Migration.Settings;

/// <summary>How a guest moves.</summary>
public enum MigrationMode
{
    /// <summary>By copying its RAM while it runs.</summary>
    Normal,

    /// <summary>To a new process on the same host, RAM and descriptors staying in place.</summary>
    CprTransfer,

    /// <summary>To another program in the same process, RAM and descriptors staying in place.</summary>
    CprExec,
}

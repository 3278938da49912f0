namespace Vmm.Core.Configuration;

/// <summary>Where a memory backend's pages come from.</summary>
public enum MemoryBackendKind
{
    /// <summary>memory-backend-ram: anonymous memory; with share=on a memfd.</summary>
    Ram,

    /// <summary>memory-backend-memfd: a memfd.</summary>
    Memfd,

    /// <summary>memory-backend-file: a file (or a fresh one in a directory) at a path.</summary>
    File,

    /// <summary>memory-backend-shm: a POSIX shared memory object without a name.</summary>
    Shm,
}

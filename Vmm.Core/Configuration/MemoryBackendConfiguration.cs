namespace Vmm.Core.Configuration;

/// <summary>A memory backend as -object memory-backend-… describes it.</summary>
/// <param name="Kind">Where its pages come from.</param>
/// <param name="Id">Its id, unique among all objects.</param>
/// <param name="Size">Its size in bytes, greater than 0.</param>
public sealed record MemoryBackendConfiguration(MemoryBackendKind Kind, string Id, ulong Size)
{
    /// <summary>Whether its pages can be mapped by another process; by default true for memfd and shm, false for ram and file.</summary>
    public bool Share { get; init; } = Kind is MemoryBackendKind.Memfd or MemoryBackendKind.Shm;

    /// <summary>Path of the file or directory; set exactly for <see cref="MemoryBackendKind.File"/>.</summary>
    public string? MemPath { get; init; }

    /// <summary>Whether all pages are allocated when the backend is made.</summary>
    public bool Prealloc { get; init; }

    /// <summary>Whether a memfd uses huge pages.</summary>
    public bool Hugetlb { get; init; }

    /// <summary>Size of a huge page in bytes, a power of two; 0 is the host's default.</summary>
    public ulong HugetlbSize { get; init; }

    /// <summary>Whether a memfd is sealed against shrinking and growing.</summary>
    public bool Seal { get; init; } = true;

    /// <summary>Every type of memory backend that there is, by its name as QEMU spells it: what -object takes and introspection shows.</summary>
    public static IReadOnlyDictionary<string, MemoryBackendKind> Types { get; } = new SortedDictionary<string, MemoryBackendKind>(StringComparer.Ordinal)
    {
        ["memory-backend-ram"] = MemoryBackendKind.Ram,
        ["memory-backend-memfd"] = MemoryBackendKind.Memfd,
        ["memory-backend-file"] = MemoryBackendKind.File,
        ["memory-backend-shm"] = MemoryBackendKind.Shm,
    };

    /// <summary>The type as QEMU spells it, such as memory-backend-memfd.</summary>
    public string TypeName => Types.First(type => type.Value == Kind).Key;
}

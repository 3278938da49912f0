namespace Vmm.Core.Hypervisors;

/// <summary>A processor mode that a boot protocol enters in.</summary>
public enum CpuEntryMode
{
    /// <summary>16-bit real mode at the reset vector or at a given linear address below 1 MiB (CS base = IP &amp; ~0xf).</summary>
    Real,

    /// <summary>32-bit protected mode, paging off, flat segments (PVH).</summary>
    Protected,

    /// <summary>64-bit long mode with the given page tables, flat segments (Linux 64-bit boot protocol).</summary>
    Long,
}

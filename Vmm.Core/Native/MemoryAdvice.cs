namespace Vmm.Core.Native;

/// <summary>The advice that madvise(2) takes; the values of linux/mman.h.</summary>
internal enum MemoryAdvice
{
    /// <summary>Give the pages back; private memory without a file reads as zeros from then on.</summary>
    DoNotNeed = 4,

    /// <summary>Use transparent huge pages.</summary>
    HugePages = 14,

    /// <summary>Leave the pages out of core dumps.</summary>
    DoNotDump = 16,

    /// <summary>Enter every page into the page tables as a read would.</summary>
    PopulateRead = 22,

    /// <summary>Enter every page into the page tables as a write would, allocating it.</summary>
    PopulateWrite = 23,
}

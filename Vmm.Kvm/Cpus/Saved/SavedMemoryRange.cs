using Vmm.Core.State;

namespace Vmm.Kvm.Cpus.Saved;

/// <summary>A pair of variable memory type range registers.</summary>
internal sealed class SavedMemoryRange
{
    internal static readonly StateLayout<SavedMemoryRange> Layout = new("mtrr_var", version: 1)
    {
        { "base", s => ref s.Base },
        { "mask", s => ref s.Mask },
    };

    internal ulong Base;
    internal ulong Mask;
}

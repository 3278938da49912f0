using Vmm.Core.State;

namespace Vmm.Kvm.Cpus.Saved;

/// <summary>A model-specific register in vmm-cpu.</summary>
internal sealed class SavedMsr
{
    internal static readonly StateLayout<SavedMsr> Layout = new("vmm-msr", version: 1)
    {
        { "index", s => ref s.Index },
        { "rest", s => ref s.Rest },
    };

    internal uint Index;

    /// <summary>The value; of a register with a field in the section "cpu", the exclusive or of the value and what the field says.</summary>
    internal ulong Rest;
}

using Vmm.Core.Native;

namespace Vmm.Migration.Plans;

/// <summary>From which NUMA nodes a thread gets fresh pages, as set_mempolicy(2) has it.</summary>
/// <param name="Mode">The MPOL_ constant, with its flags.</param>
/// <param name="Nodes">One bit per node, lowest first.</param>
internal sealed record NumaPolicy(int Mode, ReadOnlyMemory<byte> Nodes)
{
    private const int Flags = 0xe000; // MPOL_MODE_FLAGS

    private static readonly string[] Names = ["default", "preferred", "bind", "interleave", "local", "preferred-many", "weighted-interleave"];

    /// <summary>The calling thread's.</summary>
    internal static NumaPolicy OfThisThread()
    {
        var (mode, nodes) = ProcessMemory.GetPolicy();
        return new NumaPolicy(mode, nodes);
    }

    /// <summary>Makes it the calling thread's.</summary>
    internal void Apply() => ProcessMemory.SetPolicy(Mode, Nodes.Span);

    /// <inheritdoc/>
    public bool Equals(NumaPolicy? other) => other is not null && Mode == other.Mode && Nodes.Span.SequenceEqual(other.Nodes.Span);

    /// <inheritdoc/>
    public override int GetHashCode() => Mode;

    /// <summary>In the operator's words: "NUMA policy bind, nodes 0-1".</summary>
    public override string ToString()
    {
        int mode = Mode & ~Flags;
        return $"NUMA policy {(mode >= 0 && mode < Names.Length ? Names[mode] : $"{mode}")}, nodes {IdList.Of(Nodes.Span)}";
    }
}

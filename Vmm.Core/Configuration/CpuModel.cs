namespace Vmm.Core.Configuration;

/// <summary>A CPU model as -cpu names it.</summary>
/// <param name="Name">host, max or qemu64.</param>
/// <param name="Features">Features switched on or off by name, in the order given, such as "+avx2" = (avx2, true).</param>
public sealed record CpuModel(string Name, IReadOnlyList<CpuFeature> Features)
{
    /// <summary>The model without -cpu.</summary>
    public static CpuModel Default { get; } = new("host", []);
}

namespace Vmm.Core.Configuration;

/// <summary>A CPU feature switched on or off.</summary>
/// <param name="Name">The name as QEMU spells it, with hyphens: avx2, sse4.1, arch-capabilities.</param>
/// <param name="Enabled">On or off.</param>
public sealed record CpuFeature(string Name, bool Enabled);

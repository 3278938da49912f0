namespace Vmm.Kvm.Cpus.Saved;

/// <summary>The register that the payload of a pending exception is for.</summary>
internal enum PayloadTarget
{
    None,
    Cr2,
    Dr6,
}

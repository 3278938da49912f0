namespace Vmm.Kvm.Cpuid;

/// <summary>One register of one CPUID leaf.</summary>
/// <param name="Function">EAX on input.</param>
/// <param name="Index">ECX on input; 0 where it does not matter.</param>
/// <param name="Register">The register of the answer.</param>
internal readonly record struct CpuidWord(uint Function, uint Index, CpuidRegister Register)
{
    /// <inheritdoc/>
    public override string ToString() =>
        $"CPUID[eax=0x{Function:x},ecx=0x{Index:x}].{Register.ToString().ToLowerInvariant()}";
}

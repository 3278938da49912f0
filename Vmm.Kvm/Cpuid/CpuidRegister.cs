namespace Vmm.Kvm.Cpuid;

/// <summary>A register that CPUID answers in.</summary>
internal enum CpuidRegister
{
    /// <summary>EAX.</summary>
    Eax,

    /// <summary>EBX.</summary>
    Ebx,

    /// <summary>ECX.</summary>
    Ecx,

    /// <summary>EDX.</summary>
    Edx,
}

// What the form of a vCPU in a saved file depends on besides the vCPU's state. All of it is part of the guest ABI, which is in the file too, so the
// process that loads a file has the same.
//
// Where a component of the vector state is in XSAVE's area is the processor's choice (CPUID leaf 0xD): AMD's have no gap for components that
// only Intel's know. The first two components and the header are where they are on every processor.

using Vmm.Kvm.Cpuid;

namespace Vmm.Kvm.Cpus.Saved;

/// <summary>The guest's processor, as far as the form depends on it.</summary>
internal sealed record SavedCpuModel
{
    private const uint XsaveLeaf = 0xd;
    private const uint AddressSizes = 0x80000008;

    /// <summary>Where component areas may begin: behind the legacy area and the header.</summary>
    private const uint FirstOffset = 576;

    /// <summary>The frequency of the TSC.</summary>
    internal long TscKhz { get; init; }

    /// <summary>How many bits a physical address has; from 36 to 52.</summary>
    internal int PhysicalBits { get; init; } = 52;

    /// <summary>Where the upper halves of the AVX registers are; 0 where there are none.</summary>
    internal int Ymm { get; init; }

    /// <summary>Where the mask registers of AVX-512 are; 0 where there are none.</summary>
    internal int Opmask { get; init; }

    /// <summary>Where the upper halves of the first sixteen AVX-512 registers are; 0 where there are none.</summary>
    internal int ZmmHigh { get; init; }

    /// <summary>Where the other sixteen AVX-512 registers are; 0 where there are none.</summary>
    internal int Zmm16 { get; init; }

    /// <summary>Where the protection keys' rights are; 0 where there are none.</summary>
    internal int Pkru { get; init; }

    /// <summary>Reads what CPUID says. A table that comes from a file is hostile: what does not fit is not there.</summary>
    internal static SavedCpuModel Of(CpuidTable table, uint tscKhz)
    {
        uint bits = table[new(AddressSizes, 0, CpuidRegister.Eax)] & 0xff;
        return new SavedCpuModel
        {
            TscKhz = tscKhz,
            PhysicalBits = (int)Math.Clamp(bits, 36, 52),
            Ymm = Offset(2, 256),
            Opmask = Offset(5, 64),
            ZmmHigh = Offset(6, 512),
            Zmm16 = Offset(7, 1024),
            Pkru = Offset(9, 8),
        };

        int Offset(uint component, uint size)
        {
            uint found = table[new(XsaveLeaf, component, CpuidRegister.Eax)];
            uint offset = table[new(XsaveLeaf, component, CpuidRegister.Ebx)];
            return found == size && offset >= FirstOffset && offset <= KvmCpuState.XsaveSize - size ? (int)offset : 0;
        }
    }
}

// The names of CPUID's feature bits, as QEMU spells them on -cpu: one row a register, bit 0 first, a dot where a bit has no name
// or is not for a user to switch. Facts from the vendors' manuals (Intel SDM volume 2A, AMD APM volume 3) and KVM's own leaf
// (Documentation/virt/kvm/x86/cpuid.rst).

namespace Vmm.Kvm.Cpuid;

/// <summary>Feature names and the bits they mean.</summary>
internal static class CpuidFeatures
{
    internal static readonly CpuidWord Basic1Ecx = new(1, 0, CpuidRegister.Ecx);
    internal static readonly CpuidWord Basic1Edx = new(1, 0, CpuidRegister.Edx);
    internal static readonly CpuidWord Extended7Edx = new(7, 0, CpuidRegister.Edx);
    internal static readonly CpuidWord Amd1Ecx = new(0x80000001, 0, CpuidRegister.Ecx);
    internal static readonly CpuidWord Amd1Edx = new(0x80000001, 0, CpuidRegister.Edx);

    private static readonly Dictionary<CpuidWord, string[]> Names = new()
    {
        [Basic1Edx] = Row("fpu vme de pse tsc msr pae mce cx8 apic . sep mtrr pge mca cmov "
            + "pat pse36 pn clflush . ds acpi mmx fxsr sse sse2 ss ht tm ia64 pbe"),
        [Basic1Ecx] = Row("pni pclmulqdq dtes64 monitor ds-cpl vmx smx est tm2 ssse3 cid . fma cx16 xtpr pdcm "
            + ". pcid dca sse4.1 sse4.2 x2apic movbe popcnt tsc-deadline aes xsave . avx f16c rdrand hypervisor"),
        [new(6, 0, CpuidRegister.Eax)] = Row(". . arat"),
        [new(7, 0, CpuidRegister.Ebx)] = Row("fsgsbase tsc-adjust sgx bmi1 hle avx2 fdp-excptn-only smep bmi2 erms invpcid rtm "
            + ". zero-fcs-fds mpx . avx512f avx512dq rdseed adx smap avx512ifma pcommit clflushopt clwb intel-pt "
            + "avx512pf avx512er avx512cd sha-ni avx512bw avx512vl"),
        [new(7, 0, CpuidRegister.Ecx)] = Row(". avx512vbmi umip pku . waitpkg avx512vbmi2 shstk gfni vaes vpclmulqdq avx512vnni "
            + "avx512bitalg . avx512-vpopcntdq . la57 . . . . . rdpid . bus-lock-detect cldemote . movdiri movdir64b . sgxlc pks"),
        [Extended7Edx] = Row(". . avx512-4vnniw avx512-4fmaps fsrm . . . avx512-vp2intersect . md-clear . . . serialize . "
            + "tsx-ldtrk . . arch-lbr ibt . amx-bf16 avx512-fp16 amx-tile amx-int8 spec-ctrl stibp flush-l1d arch-capabilities "
            + "core-capability ssbd"),
        [new(7, 1, CpuidRegister.Eax)] = Row("sha512 sm3 sm4 . avx-vnni avx512-bf16 . cmpccxadd . . fzrm fsrs fsrc . . . "
            + ". fred lkgs wrmsrns . amx-fp16 . avx-ifma . . lam"),
        [new(7, 1, CpuidRegister.Edx)] = Row(". . . . avx-vnni-int8 avx-ne-convert . . amx-complex . avx-vnni-int16 . . . prefetchiti . "
            + ". . . avx10"),
        [new(7, 2, CpuidRegister.Edx)] = Row("intel-psfd ipred-ctrl rrsba-ctrl ddpd-u bhi-ctrl mcdt-no"),
        [new(0xd, 1, CpuidRegister.Eax)] = Row("xsaveopt xsavec xgetbv1 xsaves xfd"),
        [new(0x40000001, 0, CpuidRegister.Eax)] = Row("kvmclock kvm-nopiodelay kvm-mmu kvmclock kvm-asyncpf kvm-steal-time kvm-pv-eoi "
            + "kvm-pv-unhalt . kvm-pv-tlb-flush kvm-asyncpf-vmexit kvm-pv-ipi kvm-poll-control kvm-pv-sched-yield kvm-asyncpf-int "
            + "kvm-msi-ext-dest-id . . . . . . . . kvmclock-stable-bit"),
        [Amd1Edx] = Row(". . . . . . . . . . . syscall . . . . . . . . nx . mmxext . . fxsr-opt pdpe1gb rdtscp . lm 3dnowext 3dnow"),
        [Amd1Ecx] = Row("lahf-lm cmp-legacy svm extapic cr8legacy abm sse4a misalignsse 3dnowprefetch osvw ibs xop skinit wdt . lwp "
            + "fma4 tce . nodeid-msr . tbm topoext perfctr-core perfctr-nb"),
        [new(0x80000007, 0, CpuidRegister.Ebx)] = Row("overflow-recov succor"),
        [new(0x80000007, 0, CpuidRegister.Edx)] = Row(". . . . . . . . invtsc"),
        [new(0x80000008, 0, CpuidRegister.Ebx)] = Row("clzero . xsaveerptr . . . . . . wbnoinvd . . ibpb . ibrs amd-stibp "
            + ". stibp-always-on . . . . . . amd-ssbd virt-ssbd amd-no-ssb . amd-psfd btc-no"),
        [new(0x8000000a, 0, CpuidRegister.Edx)] = Row("npt lbrv svm-lock nrip-save tsc-scale vmcb-clean flushbyasid decodeassists . . "
            + "pause-filter . pfthreshold avic . v-vmsave-vmload vgif . . . . . . . . vnmi . . svme-addr-chk"),
        [new(0x80000021, 0, CpuidRegister.Eax)] = Row("no-nested-data-bp fs-gs-base-ns lfence-always-serializing . . . null-sel-clr-base . "
            + "auto-ibrs . . . . . . . . . . . prefetchi . . . eraps . . sbpb ibpb-brtype srso-no srso-user-kernel-no"),
    };

    private static readonly Dictionary<string, string> OtherSpellings = new(StringComparer.Ordinal)
    {
        ["sse3"] = "pni",
        ["pclmuldq"] = "pclmulqdq",
        ["sse4-1"] = "sse4.1",
        ["sse4-2"] = "sse4.2",
        ["xd"] = "nx",
        ["i64"] = "lm",
        ["ffxsr"] = "fxsr-opt",
    };

    /// <summary>The registers whose bits are features.</summary>
    internal static IEnumerable<CpuidWord> Words => Names.Keys;

    /// <summary>All names, in alphabetical order.</summary>
    internal static IEnumerable<string> AllNames =>
        Names.Values.SelectMany(row => row).Where(name => name != ".").Distinct().Order(StringComparer.Ordinal);

    /// <summary>The bits that a name means; empty for a name that is none. Underscores count as hyphens.</summary>
    internal static IReadOnlyList<(CpuidWord Word, int Bit)> Find(string name)
    {
        string spelled = name.Replace('_', '-');
        spelled = OtherSpellings.GetValueOrDefault(spelled, spelled);
        var found = new List<(CpuidWord, int)>();
        foreach (var (word, names) in Names)
        {
            for (int bit = 0; bit < names.Length; bit++)
            {
                if (names[bit] == spelled && spelled != ".")
                {
                    found.Add((word, bit));
                }
            }
        }

        return found;
    }

    /// <summary>The names of the bits that are set; a bit without a name is given by its position.</summary>
    internal static IEnumerable<string> NamesOf(CpuidWord word, uint bits)
    {
        var names = Names.GetValueOrDefault(word, []);
        for (int bit = 0; bit < 32; bit++)
        {
            if ((bits >> bit & 1) != 0)
            {
                yield return bit < names.Length && names[bit] != "." ? names[bit] : $"{word} bit {bit}";
            }
        }
    }

    private static string[] Row(string names) => names.Split(' ');
}

// From a CPU model to a CPUID table.
//
// "host" and "max" are everything that KVM can give on this host; "qemu64" is a small fixed set that any 64-bit host has, cut down to
// what KVM gives. Features switched by name come on top. What was requested and KVM cannot provide is left out and logged, once.
// A table never announces what the vector state cannot hold: leaf 0xD follows the features.

using Vmm.Core.Configuration;
using Vmm.Core.Hypervisors;
using static Vmm.Kvm.Cpuid.CpuidRegister;

namespace Vmm.Kvm.Cpuid;

/// <summary>Builds CPUID tables.</summary>
internal static class CpuidModel
{
    private const uint Xsave = 0xd;

    private static readonly string[] Qemu64 =
    [
        "fpu", "de", "pse", "tsc", "msr", "pae", "mce", "cx8", "apic", "sep", "mtrr", "pge", "mca", "cmov", "pat", "pse36", "clflush",
        "mmx", "fxsr", "sse", "sse2", "pni", "cx16", "x2apic", "tsc-deadline", "hypervisor", "lm", "syscall", "nx", "lahf-lm",
    ];

    /// <summary>Extended-state components and the feature without which they may not be announced.</summary>
    private static readonly (string Feature, uint Components)[] StateOf =
        [("avx", 0x4), ("mpx", 0x18), ("avx512f", 0xe0), ("pku", 0x200), ("amx-tile", 0x60000)];

    /// <summary>The table of a model.</summary>
    /// <param name="model">The model.</param>
    /// <param name="supported">What KVM can give.</param>
    /// <param name="refused">Features that were requested by name and cannot be provided.</param>
    /// <exception cref="HypervisorException">The model or a feature has no meaning.</exception>
    internal static CpuidTable Build(CpuModel model, CpuidTable supported, out IReadOnlyList<string> refused)
    {
        var table = model.Name switch
        {
            "host" or "max" => supported.Copy(),
            "qemu64" => BuildQemu64(supported),
            _ => throw new HypervisorException($"CPU model '{model.Name}' is not known; host, max and qemu64 are"),
        };

        var missing = new List<string>();
        foreach (var feature in model.Features)
        {
            var bits = CpuidFeatures.Find(feature.Name);
            if (bits.Count == 0)
            {
                throw new HypervisorException($"CPU feature '{feature.Name}' is not known");
            }

            bool granted = false;
            foreach (var (word, bit) in bits)
            {
                bool possible = (supported[word] >> bit & 1) != 0;
                granted |= possible;
                table.SetBit(word, bit, feature.Enabled && possible);
            }

            if (feature.Enabled && !granted)
            {
                missing.Add(feature.Name);
            }
        }

        FitVectorState(table, supported);
        RepeatBasicFeatures(table);
        refused = missing;
        return table;
    }

    /// <summary>What KVM can give, with the bits that it reports by capability instead.</summary>
    internal static CpuidTable Complete(CpuidTable supported, bool hasTscDeadline)
    {
        var table = supported.Copy();
        Enable(table, "hypervisor");
        Enable(table, "x2apic");
        if (hasTscDeadline)
        {
            Enable(table, "tsc-deadline");
        }

        if (IsAmd(table))
        {
            // An Intel MSR that KVM emulates everywhere; AMD guests do not look for it, and not every KVM lets it be saved.
            table[CpuidFeatures.Extended7Edx] &= ~(1u << 29);
        }

        return table;
    }

    /// <summary>Whether the vendor is AMD or Hygon, whose topology leaves differ from Intel's.</summary>
    internal static bool IsAmd(CpuidTable table) => table[new(0, 0, Ebx)] is 0x68747541 or 0x6f677948;

    /// <summary>Whether a guest may be a hypervisor itself.</summary>
    internal static bool OffersVirtualization(CpuidTable table) => Has(table, IsAmd(table) ? "svm" : "vmx");

    /// <summary>Features that a table announces and KVM cannot provide, by name.</summary>
    internal static IReadOnlyList<string> Ungranted(CpuidTable promised, CpuidTable supported)
    {
        const uint Ht = 1 << 28;
        const uint CmpLegacyAndTopology = (1 << 1) | (1 << 22);
        var names = new List<string>();
        foreach (var word in CpuidFeatures.Words)
        {
            // These bits describe the guest's topology; they ask nothing of the host.
            uint ours = word == CpuidFeatures.Basic1Edx ? Ht : word == CpuidFeatures.Amd1Ecx ? CmpLegacyAndTopology : 0;
            names.AddRange(CpuidFeatures.NamesOf(word, promised[word] & ~supported[word] & ~ours));
        }

        uint components = promised[new(Xsave, 0, Eax)] & ~supported[new(Xsave, 0, Eax)];
        if (components != 0)
        {
            names.Add($"extended state components 0x{components:x}");
        }

        return names;
    }

    private static CpuidTable BuildQemu64(CpuidTable supported)
    {
        const uint Family15Model107Stepping1 = 0x00060fb1;
        var table = supported.Copy();
        table.Remove(e => e.Function is not (0 or 1 or (>= 0x40000000 and < 0x40000100) or (>= 0x80000000 and <= 0x80000008)));
        foreach (var word in CpuidFeatures.Words.Where(w => w.Function < 0x40000000 || w.Function >= 0x80000000))
        {
            table[word] = 0;
        }

        foreach (string name in Qemu64)
        {
            foreach (var (word, bit) in CpuidFeatures.Find(name))
            {
                table.SetBit(word, bit, (supported[word] >> bit & 1) != 0);
            }
        }

        table[new(0, 0, Eax)] = Math.Min(Xsave, supported[new(0, 0, Eax)]);
        table[new(1, 0, Eax)] = Family15Model107Stepping1;
        table[new(0x80000000, 0, Eax)] = Math.Min(0x80000008, supported[new(0x80000000, 0, Eax)]);
        table.SetBrand("QEMU Virtual CPU version 2.5+");
        return table;
    }

    // AMD's extended leaf repeats these bits of leaf 1.
    private static void RepeatBasicFeatures(CpuidTable table)
    {
        const uint Repeated = 0x0183f3ff;
        if (IsAmd(table))
        {
            table[CpuidFeatures.Amd1Edx] = (table[CpuidFeatures.Amd1Edx] & ~Repeated) | (table[CpuidFeatures.Basic1Edx] & Repeated);
        }
    }

    private static void SetBrand(this CpuidTable table, string brand)
    {
        var bytes = new byte[48];
        System.Text.Encoding.ASCII.GetBytes(brand, bytes);
        for (int i = 0; i < 12; i++)
        {
            table[new(0x80000002 + (uint)(i / 4), 0, (CpuidRegister)(i % 4))] = BitConverter.ToUInt32(bytes, 4 * i);
        }
    }

    private static void FitVectorState(CpuidTable table, CpuidTable supported)
    {
        var size = new CpuidWord(Xsave, 0, Eax);
        if (!Has(table, "xsave"))
        {
            table.Remove(e => e.Function == Xsave);
            return;
        }

        if (!table.Has(Xsave))
        {
            foreach (var entry in supported.Entries.Where(e => e.Function == Xsave && e.Index != 1))
            {
                table.Set(entry.Function, entry.Index, entry.Eax, entry.Ebx, entry.Ecx, entry.Edx);
            }
        }

        uint components = table[size];
        foreach (var (feature, bits) in StateOf)
        {
            components = Has(table, feature) ? components : components & ~bits;
        }

        table[size] = components;
        table.Remove(e => e.Function == Xsave && e.Index >= 2 && e.Index < 32 && (e.Ecx & 1) == 0 && (components >> (int)e.Index & 1) == 0);
    }

    private static bool Has(CpuidTable table, string feature) =>
        CpuidFeatures.Find(feature).Any(f => (table[f.Word] >> f.Bit & 1) != 0);

    private static void Enable(CpuidTable table, string feature)
    {
        foreach (var (word, bit) in CpuidFeatures.Find(feature))
        {
            table.SetBit(word, bit, true);
        }
    }
}

// How CPUID shows a guest which vCPUs share a core and a package. KVM reports the host's numbers, which are wrong for a guest, so
// every leaf that holds one is written anew: 1, 4, 0xB, 0x80000008, 0x8000001D, 0x8000001E. (0x1F and 0x80000026 would
// repeat 0xB and are left out.)
//
// A guest takes an APIC id apart by bit fields: thread, core, package. Our APIC ids are the vCPU indices without gaps, so the
// fields are exact when threads and cores come in powers of two, or when there is one package.

using System.Numerics;
using Vmm.Core.Configuration;
using static Vmm.Kvm.Cpuid.CpuidRegister;

namespace Vmm.Kvm.Cpuid;

/// <summary>Writes the topology leaves.</summary>
internal static class CpuidTopology
{
    private const uint CacheInfo = 4;
    private const uint ExtendedTopology = 0xb;
    private const uint AmdSizes = 0x80000008;
    private const uint AmdCaches = 0x8000001d;
    private const uint AmdTopology = 0x8000001e;
    private const int Ht = 28;
    private const int CmpLegacy = 1;
    private const int TopologyExtensions = 22;

    /// <summary>Writes what is the same for every vCPU.</summary>
    internal static void Shape(CpuidTable table, CpuTopology topology)
    {
        int inPackage = topology.Cores * topology.Threads;
        var ebx = new CpuidWord(1, 0, Ebx);
        table[ebx] = (table[ebx] & 0x0000ff00) | ((uint)Math.Min(inPackage, 255) << 16);
        table.SetBit(CpuidFeatures.Basic1Edx, Ht, inPackage > 1);
        ShapeCaches(table, CacheInfo, topology);
        ShapeCaches(table, AmdCaches, topology);
        table.Remove(e => e.Function is ExtendedTopology or 0x1f or 0x80000026);
        if (table[new(0, 0, Eax)] >= ExtendedTopology)
        {
            const uint Smt = 1 << 8;
            const uint Core = 2 << 8;
            table.Set(ExtendedTopology, 0, (uint)ThreadBits(topology), (uint)topology.Threads, Smt, 0);
            table.Set(ExtendedTopology, 1, (uint)PackageShift(topology), (uint)inPackage, Core | 1, 0);
            table.Set(ExtendedTopology, 2, 0, 0, 2, 0);
        }

        if (!IsAmd(table))
        {
            return;
        }

        table.SetBit(CpuidFeatures.Amd1Ecx, CmpLegacy, inPackage > 1);
        table[new(AmdSizes, 0, Ecx)] = (uint)(inPackage - 1) | ((uint)PackageShift(topology) << 12);
    }

    /// <summary>Writes what distinguishes one vCPU from the others.</summary>
    internal static void SetApicId(CpuidTable table, CpuTopology topology, int apicId)
    {
        var ebx = new CpuidWord(1, 0, Ebx);
        table[ebx] = (table[ebx] & 0x00ffffff) | ((uint)apicId << 24);
        foreach (uint index in table.Subleaves(ExtendedTopology))
        {
            table[new(ExtendedTopology, index, Edx)] = (uint)apicId;
        }

        if (IsAmd(table) && (table[CpuidFeatures.Amd1Ecx] >> TopologyExtensions & 1) != 0)
        {
            uint core = (uint)(apicId >> ThreadBits(topology)) & (uint)((1 << CoreBits(topology)) - 1);
            uint package = (uint)(apicId >> PackageShift(topology));
            table.Set(AmdTopology, 0, (uint)apicId, ((uint)(topology.Threads - 1) << 8) | core, package & 0xff, 0);
        }
    }

    private static void ShapeCaches(CpuidTable table, uint function, CpuTopology topology)
    {
        foreach (uint index in table.Subleaves(function))
        {
            var word = new CpuidWord(function, index, Eax);
            uint eax = table[word];
            uint type = eax & 0x1f;
            if (type == 0)
            {
                continue;
            }

            bool isShared = (eax >> 5 & 7) >= 3;
            uint sharing = (isShared ? 1u << PackageShift(topology) : 1u << ThreadBits(topology)) - 1;
            uint cores = function == CacheInfo ? (1u << CoreBits(topology)) - 1 : 0;
            table[word] = (eax & 0x3fff) | ((sharing & 0xfff) << 14) | ((cores & 0x3f) << 26);
        }
    }

    private static bool IsAmd(CpuidTable table) => CpuidModel.IsAmd(table);

    private static int ThreadBits(CpuTopology topology) => BitsFor(topology.Threads);

    private static int CoreBits(CpuTopology topology) => BitsFor(topology.Cores);

    private static int PackageShift(CpuTopology topology) => ThreadBits(topology) + CoreBits(topology);

    private static int BitsFor(int count) => BitOperations.Log2((uint)Math.Max(1, (2 * count) - 1));
}

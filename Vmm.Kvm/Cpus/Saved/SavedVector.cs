// One register of the vector unit, 512 bits in eight numbers. QEMU's section has it in pieces that came one after the other: the 128 bits of SSE, what
// AVX added, what AVX-512 added.

using Vmm.Core.State;

namespace Vmm.Kvm.Cpus.Saved;

/// <summary>A vector register.</summary>
internal sealed class SavedVector
{
    internal static readonly StateLayout<SavedVector> Xmm = new("xmm_reg", version: 1)
    {
        { "_q_ZMMReg[0]", s => ref s.Quads[0] },
        { "_q_ZMMReg[1]", s => ref s.Quads[1] },
    };

    internal static readonly StateLayout<SavedVector> YmmHigh = new("ymmh_reg", version: 1)
    {
        { "_q_ZMMReg[2]", s => ref s.Quads[2] },
        { "_q_ZMMReg[3]", s => ref s.Quads[3] },
    };

    internal static readonly StateLayout<SavedVector> ZmmHigh = new("zmmh_reg", version: 1)
    {
        { "_q_ZMMReg[4]", s => ref s.Quads[4] },
        { "_q_ZMMReg[5]", s => ref s.Quads[5] },
        { "_q_ZMMReg[6]", s => ref s.Quads[6] },
        { "_q_ZMMReg[7]", s => ref s.Quads[7] },
    };

    internal static readonly StateLayout<SavedVector> Zmm = new("hi16_zmm_reg", version: 1)
    {
        { "_q_ZMMReg[0]", s => ref s.Quads[0] },
        { "_q_ZMMReg[1]", s => ref s.Quads[1] },
        { "_q_ZMMReg[2]", s => ref s.Quads[2] },
        { "_q_ZMMReg[3]", s => ref s.Quads[3] },
        { "_q_ZMMReg[4]", s => ref s.Quads[4] },
        { "_q_ZMMReg[5]", s => ref s.Quads[5] },
        { "_q_ZMMReg[6]", s => ref s.Quads[6] },
        { "_q_ZMMReg[7]", s => ref s.Quads[7] },
    };

    internal readonly ulong[] Quads = new ulong[8];
}

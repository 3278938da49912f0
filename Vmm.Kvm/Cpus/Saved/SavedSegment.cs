// A segment as QEMU's sections have it: the descriptor's attributes in one word, where they are in the upper half of a descriptor in memory.
//
//     bits 8-11 type, 12 S, 13-14 DPL, 15 P, 20 AVL, 21 L, 22 D/B, 23 G
//
// KVM says of a segment whether it is present and whether it is unusable, QEMU only P. With P both are known. Without it they are left to the rest: KVM
// itself takes a segment that is not present for an unusable one.

using Vmm.Core.State;
using Vmm.Kvm.Native;

namespace Vmm.Kvm.Cpus.Saved;

/// <summary>A segment register, or a descriptor table's.</summary>
internal sealed class SavedSegment
{
    internal const int PrivilegeShift = 13;
    private const int TypeShift = 8;
    private const uint Present = 1 << 15;
    private const int SystemShift = 12;
    private const int AvailableShift = 20;
    private const int LongShift = 21;
    private const int BigShift = 22;
    private const int GranularityShift = 23;

    internal static readonly StateLayout<SavedSegment> Layout = new("segment", version: 1)
    {
        { "selector", s => ref s.Selector },
        { "base", s => ref s.Base },
        { "limit", s => ref s.Limit },
        { "flags", s => ref s.Flags },
    };

    internal uint Selector;
    internal ulong Base;
    internal uint Limit;
    internal uint Flags;

    internal void Fill(in KvmSegment own)
    {
        Selector = own.Selector;
        Base = own.Base;
        Limit = own.Limit;
        Flags = ((own.Type & 0xfu) << TypeShift)
            | ((own.S & 1u) << SystemShift)
            | ((own.Dpl & 3u) << PrivilegeShift)
            | ((own.Present & ~own.Unusable & 1) != 0 ? Present : 0)
            | ((own.Avl & 1u) << AvailableShift)
            | ((own.L & 1u) << LongShift)
            | ((own.Db & 1u) << BigShift)
            | ((own.G & 1u) << GranularityShift);
    }

    internal void Fill(in KvmTable own) => (Selector, Base, Limit, Flags) = (0, own.Base, own.Limit, 0);

    internal void Lay(ref KvmSegment own, string name)
    {
        own.Selector = (ushort)HeldBits.Require($"{name}.selector", Selector, 0, ushort.MaxValue);
        own.Base = Base;
        own.Limit = Limit;
        HeldBits.Set(ref own.Type, 0xf, Flags >> TypeShift);
        HeldBits.Set(ref own.S, 1, Flags >> SystemShift);
        HeldBits.Set(ref own.Dpl, 3, Flags >> PrivilegeShift);
        HeldBits.Set(ref own.Avl, 1, Flags >> AvailableShift);
        HeldBits.Set(ref own.L, 1, Flags >> LongShift);
        HeldBits.Set(ref own.Db, 1, Flags >> BigShift);
        HeldBits.Set(ref own.G, 1, Flags >> GranularityShift);
        if ((Flags & Present) != 0)
        {
            HeldBits.SetBit(ref own.Present, true);
            HeldBits.SetBit(ref own.Unusable, false);
        }
    }

    internal void Lay(ref KvmTable own, string name)
    {
        own.Base = Base;
        own.Limit = (ushort)HeldBits.Require($"{name}.limit", Limit, 0, ushort.MaxValue);
    }
}

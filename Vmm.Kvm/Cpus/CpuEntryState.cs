// What a boot protocol prescribes, written into a power-on state. Sources: the PVH boot ABI (Xen, "x86/HVM direct boot ABI")
// and the Linux boot protocol's 64-bit entry.

using Vmm.Core.Hypervisors;
using Vmm.Kvm.Native;

namespace Vmm.Kvm.Cpus;

/// <summary>Turns a power-on state into one at a boot protocol's entry.</summary>
internal static class CpuEntryState
{
    private const ulong Pe = 1 << 0;
    private const ulong Mp = 1 << 1;
    private const ulong Et = 1 << 4;
    private const ulong Ne = 1 << 5;
    private const ulong Wp = 1 << 16;
    private const ulong Am = 1 << 18;
    private const ulong Pg = 1UL << 31;
    private const ulong Pae = 1 << 5;
    private const ulong LongModeEnabledAndActive = 0x500;
    private const ushort CodeSelector = 0x10;
    private const ushort DataSelector = 0x18;
    private const ushort TaskSelector = 0x20;

    /// <summary>Makes the vCPU ready to run at the entry.</summary>
    internal static void Enter(this KvmCpuState state, CpuEntry entry)
    {
        ref var regs = ref state.Regs;
        regs.Rip = entry.InstructionPointer;
        regs.Rsi = entry.Rsi;
        regs.Rbx = entry.Rbx;
        regs.Rsp = entry.StackPointer;
        regs.Rflags = 2;
        state.MpState = (uint)KvmMpState.Runnable;

        ref var sregs = ref state.Sregs;
        switch (entry.Mode)
        {
            case CpuEntryMode.Real:
                ulong codeBase = entry.InstructionPointer & ~0xfUL;
                sregs.Cs.Base = codeBase;
                sregs.Cs.Selector = (ushort)(codeBase >> 4);
                regs.Rip = entry.InstructionPointer - codeBase;
                if (entry.InstructionPointer > 0xfffff)
                {
                    // The reset vector: the last 64 KiB below 4 GiB, seen through selector 0xf000.
                    sregs.Cs.Base = entry.InstructionPointer & ~0xffffUL;
                    sregs.Cs.Selector = 0xf000;
                    regs.Rip = entry.InstructionPointer & 0xffff;
                }

                break;
            case CpuEntryMode.Protected:
                LoadFlatSegments(ref sregs, entry, isLong: false);
                sregs.Cr0 = Pe | Et;
                sregs.Cr4 = 0;
                sregs.Efer = 0;
                break;
            default:
                LoadFlatSegments(ref sregs, entry, isLong: true);
                sregs.Cr0 = Pe | Mp | Et | Ne | Wp | Am | Pg;
                sregs.Cr3 = entry.PageTable;
                sregs.Cr4 = Pae;
                sregs.Efer = LongModeEnabledAndActive;
                break;
        }
    }

    private static void LoadFlatSegments(ref KvmSregs2 sregs, CpuEntry entry, bool isLong)
    {
        const byte ReadableCode = 0xb;
        const byte WritableData = 0x3;
        sregs.Cs = Flat(CodeSelector, ReadableCode);
        sregs.Cs.Db = isLong ? (byte)0 : (byte)1;
        sregs.Cs.L = isLong ? (byte)1 : (byte)0;
        sregs.Ds = sregs.Es = sregs.Fs = sregs.Gs = sregs.Ss = Flat(DataSelector, WritableData);
        sregs.Tr = new KvmSegment { Limit = 0x67, Selector = TaskSelector, Type = 0xb, Present = 1 };
        sregs.Gdt = new KvmTable { Base = entry.GdtAddress, Limit = entry.GdtLimit };
        sregs.Idt = default;
    }

    private static KvmSegment Flat(ushort selector, byte type) =>
        new() { Limit = 0xffffffff, Selector = selector, Type = type, Present = 1, Db = 1, S = 1, G = 1 };
}

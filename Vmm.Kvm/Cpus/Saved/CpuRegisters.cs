// General, control, debug and extended control registers: four structures of KVM, in fields of the section "cpu". QEMU numbers the general registers as
// instructions encode them.

using System.Runtime.InteropServices;
using Vmm.Kvm.Native;

namespace Vmm.Kvm.Cpus.Saved;

/// <summary>Registers of a vCPU and the section.</summary>
internal static class CpuRegisters
{
    /// <summary>KVM_SREGS2_FLAGS_PDPTRS_VALID.</summary>
    private const ulong PdptrsValid = 1;

    internal static void Fill(SavedCpu cpu, in KvmRegs own)
    {
        ulong[] regs =
        [
            own.Rax, own.Rcx, own.Rdx, own.Rbx, own.Rsp, own.Rbp, own.Rsi, own.Rdi,
            own.R8, own.R9, own.R10, own.R11, own.R12, own.R13, own.R14, own.R15,
        ];
        regs.CopyTo(cpu.Regs, 0);
        (cpu.Eip, cpu.Eflags) = (own.Rip, own.Rflags);
    }

    internal static void Take(SavedCpu cpu, ref KvmRegs own) => own = new KvmRegs
    {
        Rax = cpu.Regs[0],
        Rcx = cpu.Regs[1],
        Rdx = cpu.Regs[2],
        Rbx = cpu.Regs[3],
        Rsp = cpu.Regs[4],
        Rbp = cpu.Regs[5],
        Rsi = cpu.Regs[6],
        Rdi = cpu.Regs[7],
        R8 = cpu.Regs[8],
        R9 = cpu.Regs[9],
        R10 = cpu.Regs[10],
        R11 = cpu.Regs[11],
        R12 = cpu.Regs[12],
        R13 = cpu.Regs[13],
        R14 = cpu.Regs[14],
        R15 = cpu.Regs[15],
        Rip = cpu.Eip,
        Rflags = cpu.Eflags,
    };

    internal static void Fill(SavedCpu cpu, SavedApic apic, in KvmSregs2 own)
    {
        cpu.Segs[0].Fill(own.Es);
        cpu.Segs[1].Fill(own.Cs);
        cpu.Segs[2].Fill(own.Ss);
        cpu.Segs[3].Fill(own.Ds);
        cpu.Segs[4].Fill(own.Fs);
        cpu.Segs[5].Fill(own.Gs);
        cpu.Ldt.Fill(own.Ldt);
        cpu.Tr.Fill(own.Tr);
        cpu.Gdt.Fill(own.Gdt);
        cpu.Idt.Fill(own.Idt);
        (cpu.Cr0, cpu.Cr2, cpu.Cr3, cpu.Cr4, cpu.Efer) = (own.Cr0, own.Cr2, own.Cr3, own.Cr4, own.Efer);
        apic.ApicBase = (uint)own.ApicBase;
        cpu.HasPdptrs = (own.Flags & PdptrsValid) != 0;
        ulong[] pdptrs = cpu.HasPdptrs ? [own.Pdptr0, own.Pdptr1, own.Pdptr2, own.Pdptr3] : new ulong[4];
        pdptrs.CopyTo(cpu.Pdptrs, 0);
    }

    /// <summary>Whether the rest says that the section has the page directory pointers.</summary>
    internal static bool HasPdptrs(in KvmSregs2 rest) => (rest.Flags & PdptrsValid) != 0;

    /// <summary>The APIC's base has more bits than QEMU's field; CR8 is a copy of the APIC's priority, and is left to the rest.</summary>
    internal static LayFields LaySregs(SavedCpu cpu, SavedApic apic, bool hasPdptrs, PayloadTarget payload) => structure =>
    {
        ref var own = ref MemoryMarshal.AsRef<KvmSregs2>(structure);
        cpu.Segs[0].Lay(ref own.Es, Name(0));
        cpu.Segs[1].Lay(ref own.Cs, Name(1));
        cpu.Segs[2].Lay(ref own.Ss, Name(2));
        cpu.Segs[3].Lay(ref own.Ds, Name(3));
        cpu.Segs[4].Lay(ref own.Fs, Name(4));
        cpu.Segs[5].Lay(ref own.Gs, Name(5));
        cpu.Ldt.Lay(ref own.Ldt, "cpu.env.ldt");
        cpu.Tr.Lay(ref own.Tr, "cpu.env.tr");
        cpu.Gdt.Lay(ref own.Gdt, "cpu.env.gdt");
        cpu.Idt.Lay(ref own.Idt, "cpu.env.idt");
        (own.Cr0, own.Cr3, own.Cr4, own.Efer) = (cpu.Cr0, cpu.Cr3, cpu.Cr4, cpu.Efer);
        own.ApicBase = (own.ApicBase & ~(ulong)uint.MaxValue) | apic.ApicBase;
        if (payload != PayloadTarget.Cr2)
        {
            own.Cr2 = cpu.Cr2;
        }

        if (hasPdptrs)
        {
            (own.Pdptr0, own.Pdptr1, own.Pdptr2, own.Pdptr3) = (cpu.Pdptrs[0], cpu.Pdptrs[1], cpu.Pdptrs[2], cpu.Pdptrs[3]);
        }

        static string Name(int index) => $"cpu.env.segs[{index}]";
    };

    /// <summary>DR4 and DR5 are other names of DR6 and DR7.</summary>
    internal static void Fill(SavedCpu cpu, in KvmDebugRegs own)
    {
        ulong[] registers = [own.Db0, own.Db1, own.Db2, own.Db3, own.Dr6, own.Dr7, own.Dr6, own.Dr7];
        registers.CopyTo(cpu.Dr, 0);
    }

    internal static LayFields LayDebug(SavedCpu cpu, PayloadTarget payload) => structure =>
    {
        ref var own = ref MemoryMarshal.AsRef<KvmDebugRegs>(structure);
        (own.Db0, own.Db1, own.Db2, own.Db3, own.Dr7) = (cpu.Dr[0], cpu.Dr[1], cpu.Dr[2], cpu.Dr[3], cpu.Dr[7]);
        if (payload != PayloadTarget.Dr6)
        {
            own.Dr6 = cpu.Dr[6];
        }
    };

    /// <summary>The place of XCR0 in KVM's list; -1 if it is not there. The list's indices are in the rest.</summary>
    internal static int FindXcr0(in KvmXcrs own)
    {
        for (int i = 0; i < Math.Min(own.Count, KvmXcrs.Entries.Capacity); i++)
        {
            if (own.Items[i].Index == 0)
            {
                return i;
            }
        }

        return -1;
    }

    internal static void Fill(SavedCpu cpu, in KvmXcrs own) => cpu.Xcr0 = FindXcr0(own) is >= 0 and var at ? own.Items[at].Value : 0;

    internal static LayFields LayXcrs(SavedCpu cpu, int place) => structure =>
    {
        if (place >= 0)
        {
            MemoryMarshal.AsRef<KvmXcrs>(structure).Items[place].Value = cpu.Xcr0;
        }
    };
}

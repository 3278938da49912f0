// QEMU's "hidden flags" of a vCPU: bits that its emulation wants at hand. Nearly all of them are copies of what registers and segments say, and where a
// section is loaded they are computed anew. On KVM they hold four things besides: system management mode, and in hflags2 that NMIs are blocked, how it
// was inside of that mode, and that interrupts are let through at all.

using Vmm.Kvm.Native;

namespace Vmm.Kvm.Cpus.Saved;

/// <summary>hflags and hflags2.</summary>
internal static class HiddenFlags
{
    /// <summary>The guest's own guest runs.</summary>
    internal const uint Guest = 1 << 21;

    private const uint InhibitInterrupts = 1 << 3;
    private const uint Code32 = 1 << 4;
    private const uint Stack32 = 1 << 5;
    private const uint AddSegment = 1 << 6;
    private const uint Protected = 1 << 7;
    private const uint OfEflags = (1 << 8) | (3 << 12) | Virtual8086;
    private const int FpuShift = 8;
    private const uint Fpu = 7 << 9;
    private const uint Long = 1 << 14;
    private const uint Code64 = 1 << 15;
    private const uint Virtual8086 = 1 << 17;
    private const uint SystemManagement = 1 << 19;
    private const uint Osfxsr = 1 << 22;

    private const uint GlobalInterrupts = 1 << 0;
    private const uint NmiBlocked = 1 << 2;
    private const uint SmmInsideNmi = 1 << 4;
    private const uint VirtualGlobalInterrupts = 1 << 8;

    private const ulong Cr0Pe = 1 << 0;
    private const ulong Cr4Osfxsr = 1 << 9;
    private const ulong EferLma = 1 << 10;

    internal static void Fill(SavedCpu cpu, in KvmSregs2 sregs, in KvmVcpuEvents events, in KvmNestedHead nested)
    {
        uint flags = (sregs.Ss.Dpl & 3u)
            | ((sregs.Cr0 & Cr0Pe) != 0 ? Protected : 0)
            | ((uint)sregs.Cr0 << FpuShift & Fpu)
            | ((uint)cpu.Eflags & OfEflags)
            | ((sregs.Cr4 & Cr4Osfxsr) != 0 ? Osfxsr : 0)
            | ((sregs.Efer & EferLma) != 0 ? Long : 0)
            | ((events.Smm & 1) != 0 ? SystemManagement : 0)
            | (events.InterruptShadow != 0 ? InhibitInterrupts : 0)
            | ((nested.Flags & KvmNestedHead.GuestMode) != 0 ? Guest : 0);
        cpu.Hflags = flags | Segments(flags, sregs);
        cpu.Hflags2 = VirtualGlobalInterrupts
            | (nested.Format != KvmNestedHead.FormatSvm || (nested.Flags & KvmNestedHead.GifSet) != 0 ? GlobalInterrupts : 0)
            | ((events.NmiMasked & 1) != 0 ? NmiBlocked : 0)
            | ((events.SmmInsideNmi & 1) != 0 ? SmmInsideNmi : 0);
    }

    /// <summary>Lays the bits that are no copies. How long interrupts are inhibited is in the rest; that they are not is said here.</summary>
    internal static void Lay(SavedCpu cpu, ref KvmVcpuEvents events)
    {
        HeldBits.SetBit(ref events.Smm, (cpu.Hflags & SystemManagement) != 0);
        HeldBits.SetBit(ref events.NmiMasked, (cpu.Hflags2 & NmiBlocked) != 0);
        HeldBits.SetBit(ref events.SmmInsideNmi, (cpu.Hflags2 & SmmInsideNmi) != 0);
        if ((cpu.Hflags & InhibitInterrupts) == 0)
        {
            events.InterruptShadow = 0;
        }
    }

    private static uint Segments(uint flags, in KvmSregs2 sregs)
    {
        if ((flags & Long) != 0 && (sregs.Cs.L & 1) != 0)
        {
            return Code32 | Stack32 | Code64;
        }

        uint sizes = ((sregs.Cs.Db & 1) != 0 ? Code32 : 0) | ((sregs.Ss.Db & 1) != 0 ? Stack32 : 0);
        bool hasBases = (flags & Protected) == 0 || (flags & Virtual8086) != 0 || (sizes & Code32) == 0
            || (sregs.Ds.Base | sregs.Es.Base | sregs.Ss.Base) != 0;
        return sizes | (hasBases ? AddSegment : 0);
    }
}
